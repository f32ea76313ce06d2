/* Items, and the sequences in them. */

#ifndef STREAMDCM_ITEMS_H
#define STREAMDCM_ITEMS_H

#include "elements.h"
#include "rules.h"

static int put_items(Writer *w, Level *level, PyObject *tag, PyObject *items);

static PyObject *
scope_of(Writer *w, Level *level)
{
    if (level->scope == NULL) {
        PyObject *outer = scope_of(w, level->outer);
        PyObject *layout = outer == NULL ? NULL : PyObject_GetAttr(outer, w->state->names[N_LAYOUT]);
        if (layout != NULL)
            level->scope = PyObject_CallFunction(w->state->known[SCOPE], "OOO(On)", level->item, layout, outer,
                                                 level->tag, level->index);
        Py_XDECREF(layout);
    }
    return level->scope;
}

/* Let Python encode one element. */
static int
ask_for_element(Writer *w, Level *level, uint32_t tag, PyObject *element)
{
    if (flush(w) != DONE)
        return FAILED;
    PyObject *scope = scope_of(w, level);
    PyObject *pairs = scope == NULL ? NULL : Py_BuildValue("[(kO)]", (unsigned long)tag, element);
    PyObject *iterator = pairs == NULL ? NULL : PyObject_GetIter(pairs);
    PyObject *length = NULL;
    if (iterator != NULL)
        length = PyObject_CallFunctionObjArgs(w->state->encode_elements, iterator, w->pieces, scope, NULL);
    Py_XDECREF(pairs);
    Py_XDECREF(iterator);
    int done = length == NULL ? FAILED : add_length(w, length);
    Py_XDECREF(length);
    return done;
}

/* Let Python encode one item. */
static int
ask_for_item(Writer *w, Level *level, PyObject *item, PyObject *tag, Py_ssize_t index)
{
    if (flush(w) != DONE)
        return FAILED;
    PyObject *scope = scope_of(w, level);
    if (scope == NULL)
        return FAILED;
    PyObject *length = PyObject_CallFunction(w->state->encode_item, "OOO(On)", item, w->pieces, scope, tag, index);
    int done = length == NULL ? FAILED : add_length(w, length);
    Py_XDECREF(length);
    return done;
}

/* Take the rules of an item from those of the dataset around it and from how it was read: see Scope.__init__. */
static int
decide(State *state, PyObject *item, const Rules *outer, Rules *rules, int *is_undefined)
{
    PyObject *values[5] = {NULL};
    int done = DONE;
    for (int i = 0; i < 5 && done == DONE; i++) {
        values[i] = PyObject_GenericGetAttr(item, state->names[N_READ_IMPLICIT + i]);
        if (values[i] == NULL)
            done = not_ours();
    }
    if (done == DONE) {
        PyObject *implicit = values[0], *little = values[1];
        int was_implicit, was_little, same = same_codecs(values[2], values[3]);
        if ((!is_true_or_false(implicit, &was_implicit) && implicit != Py_None) ||
            (!is_true_or_false(little, &was_little) && little != Py_None) ||
            !is_true_or_false(values[4], is_undefined) || same < 0) {
            done = NOT_OURS;
        } else {
            *rules = *outer;
            int recodes = !same || (outer->converts && outer->recodes);
            rules->recodes = recodes && implicit != Py_None;
            rules->changed = implicit != (outer->explicit_vr ? Py_False : Py_True) ||
                             little != (outer->is_little ? Py_True : Py_False) || recodes;
            if (little != Py_None) {
                rules->marks = outer->converts && !outer->explicit_vr && !was_implicit;
                rules->swaps = outer->converts && was_little != outer->is_little;
            }
            rules->depth = outer->depth + 1;
            if (outer->lengths != PRESERVED)
                *is_undefined = outer->lengths == UNDEFINED_ALL;
        }
    }
    for (int i = 0; i < 5; i++)
        Py_XDECREF(values[i]);
    return done;
}

static int
by_tag(const void *one, const void *other)
{
    uint32_t left = ((const Pair *)one)->tag, right = ((const Pair *)other)->tag;
    return (left > right) - (left < right);
}

static void
forget_pairs(Pair *pairs, Py_ssize_t count)
{
    for (Py_ssize_t i = 0; i < count; i++)
        Py_DECREF(pairs[i].element);
    PyMem_Free(pairs);
}

/* The elements of a dictionary in ascending order of their tags, each a new reference. */
static int
sorted_pairs(const State *state, PyObject *elements, Pair **pairs, Py_ssize_t *count)
{
    Py_ssize_t size = PyDict_GET_SIZE(elements), position = 0, n = 0;
    Pair *made = PyMem_New(Pair, size ? size : 1);
    if (made == NULL) {
        PyErr_NoMemory();
        return FAILED;
    }
    PyObject *key, *element;
    int done = DONE, is_sorted = 1;
    while (n < size && PyDict_Next(elements, &position, &key, &element)) {
        uint32_t tag;
        if (!as_tag(state, key, &tag)) {
            done = NOT_OURS;
            break;
        }
        is_sorted = is_sorted && (n == 0 || made[n - 1].tag < tag);
        made[n].tag = tag;
        made[n++].element = Py_NewRef(element);
    }
    if (done != DONE) {
        forget_pairs(made, n);
        return done;
    }
    if (!is_sorted)
        qsort(made, (size_t)n, sizeof(Pair), by_tag);
    *pairs = made;
    *count = n;
    return DONE;
}

static int
breathe(Writer *w)
{
    if (++w->count % PAUSE)
        return DONE;
    if (PyErr_CheckSignals() < 0)
        return FAILED;
    Py_BEGIN_ALLOW_THREADS
    Py_END_ALLOW_THREADS
    return DONE;
}

/* Put a sequence in an item; nothing is put of one that is not ours. */
static int
put_sequence(Writer *w, Level *level, uint32_t tag, PyObject *element)
{
    State *state = w->state;
    const Rules *rules = level->rules;
    PyObject *own = NULL, *value = NULL, *items = NULL, *undefined = NULL;
    uint32_t own_tag;
    int is_undefined = rules->lengths == UNDEFINED_ALL, done = NOT_OURS;
    own = PyObject_GetAttr(element, state->names[N_TAG]);
    value = own == NULL ? NULL : PyObject_GetAttr(element, state->names[N_VALUE]);
    undefined = value == NULL ? NULL : PyObject_GetAttr(element, state->names[N_UNDEFINED]);
    if (undefined == NULL) {
        done = not_ours();
        goto end;
    }
    if (!is_a(state, own, BASE_TAG) || !as_tag(state, own, &own_tag) || own_tag != tag)
        goto end;
    if (rules->lengths == PRESERVED) {
        if (!is_true_or_false(undefined, &is_undefined))
            goto end;
        is_undefined = is_undefined || (rules->marks && tag >> 16 & 1);
    }
    if (PyList_CheckExact(value)) {
        items = Py_NewRef(value);
    } else if (is_a(state, value, ITEMS)) {
        items = PyObject_GetAttr(value, state->names[N_LIST]);
        if (items == NULL) {
            done = not_ours();
            goto end;
        }
    }
    if (items == NULL || !PyList_CheckExact(items))
        goto end;
    static const Row SQ = {'s', 'S', 'Q', -1, 1};
    done = put_header(w, rules, tag, &SQ);
    if (done != DONE)
        goto end;
    Field *field = &w->fields[w->open++];
    field->offset = w->size - 4;
    long long known = w->before + w->size, unknown = w->unknown;
    done = put_items(w, level, own, items);
    if (done != DONE)
        goto end;
    long long length = w->before + w->size - known;
    is_undefined = is_undefined || w->unknown != unknown || length > MAX_LENGTH;
    done = fill(w, is_undefined ? 0xFFFFFFFF : (uint32_t)length);
    if (done == DONE && is_undefined) {
        w->limit = PY_SSIZE_T_MAX;
        done = put(w, "\xfe\xff\xdd\xe0\0\0\0\0", 8);
    }
end:
    Py_XDECREF(own);
    Py_XDECREF(value);
    Py_XDECREF(items);
    Py_XDECREF(undefined);
    return done;
}

static int
put_elements(Writer *w, Level *level, const Pair *pairs, Py_ssize_t count)
{
    int done = DONE;
    for (Py_ssize_t i = 0; i < count && done == DONE; i++) {
        uint32_t tag = pairs[i].tag;
        if (is_left_out(tag))
            continue;
        done = put_element(w, level->rules, tag, pairs[i].element);
        if (done == SEQUENCE)
            done = put_sequence(w, level, tag, pairs[i].element);
        if (done == NOT_OURS)
            done = ask_for_element(w, level, tag, pairs[i].element);
        if (done == DONE && w->size >= FLUSHED)
            done = flush(w);
        if (done == DONE)
            done = breathe(w);
    }
    return done;
}

/* Put an item; nothing is put of one that is not ours. */
static int
put_item(Writer *w, Level *outer, PyObject *item, PyObject *tag, Py_ssize_t index)
{
    State *state = w->state;
    const Rules *around = outer->rules;
    if (!is_a(state, item, DATASET) || around->depth >= DEEPEST || !around->one_charset)
        return NOT_OURS;
    Rules rules;
    int is_undefined = 0;
    int done = decide(state, item, around, &rules, &is_undefined);
    if (done != DONE)
        return done;
    PyObject *elements = PyObject_GenericGetAttr(item, state->names[N_DICT]);
    if (elements == NULL)
        return not_ours();
    Pair *pairs = NULL;
    Py_ssize_t count = 0;
    done = PyDict_CheckExact(elements) ? sorted_pairs(state, elements, &pairs, &count) : NOT_OURS;
    Py_DECREF(elements);
    if (done != DONE)
        return done;
    for (Py_ssize_t i = 0; i < count && pairs[i].tag <= CHARACTER_SET; i++) {
        if (pairs[i].tag == CHARACTER_SET) {
            forget_pairs(pairs, count);
            return NOT_OURS;
        }
    }
    w->limit = PY_SSIZE_T_MAX;
    done = put(w, "\xfe\xff\x00\xe0\0\0\0\0", 8);
    if (done == DONE) {
        Level level = {&rules, NULL, outer, item, tag, index};
        Field *field = &w->fields[w->open++];
        field->offset = w->size - 4;
        long long known = w->before + w->size, unknown = w->unknown;
        done = put_elements(w, &level, pairs, count);
        Py_XDECREF(level.scope);
        if (done == DONE) {
            long long length = w->before + w->size - known;
            is_undefined = is_undefined || w->unknown != unknown || length > MAX_LENGTH;
            done = fill(w, is_undefined ? 0xFFFFFFFF : (uint32_t)length);
        }
        if (done == DONE && is_undefined) {
            w->limit = PY_SSIZE_T_MAX;
            done = put(w, "\xfe\xff\x0d\xe0\0\0\0\0", 8);
        }
    }
    forget_pairs(pairs, count);
    return done;
}

static int
put_items(Writer *w, Level *level, PyObject *tag, PyObject *items)
{
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(items); i++) {
        PyObject *item = Py_NewRef(PyList_GET_ITEM(items, i));
        int done = put_item(w, level, item, tag, i);
        if (done == NOT_OURS)
            done = ask_for_item(w, level, item, tag, i);
        Py_DECREF(item);
        if (done != DONE)
            return done;
    }
    return DONE;
}

#endif
