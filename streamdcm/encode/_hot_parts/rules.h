/* The rules of a scope: what holds for the elements of one dataset. */

#ifndef STREAMDCM_RULES_H
#define STREAMDCM_RULES_H

#include "state.h"

static int
flag(const State *state, PyObject *object, enum name name)
{
    if (PyErr_Occurred())  /* of one that was asked before */
        return -1;
    PyObject *value = PyObject_GetAttr(object, state->names[name]);
    if (value == NULL)
        return -1;
    int is_true = PyObject_IsTrue(value);
    Py_DECREF(value);
    return is_true;
}

/* Whether an attribute is a certain text. */
static int
is_text(const State *state, PyObject *object, enum name name, const char *text)
{
    if (PyErr_Occurred())  /* of one that was asked before */
        return -1;
    PyObject *value = PyObject_GetAttr(object, state->names[name]);
    if (value == NULL)
        return -1;
    int is_same = PyUnicode_Check(value) && PyUnicode_CompareWithASCIIString(value, text) == 0;
    Py_DECREF(value);
    return is_same;
}

static int
read_context(State *state, PyObject *facts, Rules *rules)
{
    PyObject *context = PyObject_GetAttr(facts, state->names[N_CONTEXT]);
    if (context == NULL)
        return FAILED;
    rules->encodings = PyObject_GetAttr(context, state->names[N_ENCODINGS]);
    rules->codec = PyObject_GetAttr(context, state->names[N_CODEC]);
    rules->is_extended = flag(state, context, N_EXTENDED);
    Py_DECREF(context);
    if (rules->encodings == NULL || rules->codec == NULL || rules->is_extended < 0)
        return FAILED;
    if (!PyTuple_CheckExact(rules->encodings) || !(rules->codec == Py_None || is_str(rules->codec))) {
        PyErr_SetString(PyExc_TypeError, "a context has codecs");
        return FAILED;
    }
    rules->one_charset = PyTuple_GET_SIZE(rules->encodings) == 1;
    PyObject *keeps = PyObject_CallOneArg(state->known[KEEPS_ASCII], rules->codec);
    if (keeps == NULL)
        return FAILED;
    rules->keeps_ascii = PyObject_IsTrue(keeps);
    Py_DECREF(keeps);
    return rules->keeps_ascii < 0 ? FAILED : DONE;
}

static int
read_rules(State *state, PyObject *scope, Rules *rules)
{
    PyObject *layout = PyObject_GetAttr(scope, state->names[N_LAYOUT]);
    PyObject *encoding = layout == NULL ? NULL : PyObject_GetAttr(layout, state->names[N_ENCODING]);
    PyObject *depth = encoding == NULL ? NULL : PyObject_GetAttr(scope, state->names[N_DEPTH]);
    PyObject *facts = depth == NULL ? NULL : PyObject_GetAttr(scope, state->names[N_FACTS]);
    int done = FAILED;
    if (facts == NULL)
        goto end;
    int overflow;
    long deep = PyLong_AsLongAndOverflow(depth, &overflow);
    rules->depth = overflow || deep > DEEPEST ? DEEPEST : (int)deep;
    int implicit = flag(state, encoding, N_IMPLICIT), refuses = is_text(state, layout, N_CONFLICT, "refuse");
    int defined = is_text(state, layout, N_SEQUENCE_LENGTHS, "defined");
    int undefined = is_text(state, layout, N_SEQUENCE_LENGTHS, "undefined");
    int omits = is_text(state, layout, N_GROUP_LENGTHS, "omit"), plain = flag(state, facts, N_PLAIN);
    rules->is_little = flag(state, encoding, N_LITTLE);
    rules->converts = flag(state, layout, N_CONVERTS);
    rules->changed = flag(state, facts, N_CHANGED);
    rules->keeps_layout = flag(state, facts, N_KEEPS_LAYOUT);
    rules->recodes = flag(state, facts, N_RECODES);
    rules->marks = flag(state, facts, N_MARKS);
    rules->swaps = flag(state, facts, N_SWAPS);
    if (PyErr_Occurred())
        goto end;
    rules->explicit_vr = !implicit;
    rules->refuses_vr = implicit && refuses;
    rules->lengths = defined ? DEFINED_ALL : undefined ? UNDEFINED_ALL : PRESERVED;
    rules->is_ours = rules->is_little && omits && plain;
    done = rules->is_ours ? read_context(state, facts, rules) : DONE;
end:
    Py_XDECREF(facts);
    Py_XDECREF(layout);
    Py_XDECREF(encoding);
    Py_XDECREF(depth);
    return done;
}

/* The rules of a scope, a new reference: those that it remembers, or new ones. */
static RulesObject *
rules_of(State *state, PyObject *scope)
{
    PyObject *known = PyObject_GetAttr(scope, state->names[N_HOT]);
    if (known == NULL || Py_TYPE(known) == state->rules_type)
        return (RulesObject *)known;
    Py_DECREF(known);
    RulesObject *made = PyObject_New(RulesObject, state->rules_type);
    if (made == NULL)
        return NULL;
    memset(&made->rules, 0, sizeof made->rules);
    if (read_rules(state, scope, &made->rules) != DONE ||
        PyObject_SetAttr(scope, state->names[N_HOT], (PyObject *)made) < 0)
        Py_CLEAR(made);
    return made;
}

static void
rules_dealloc(PyObject *self)
{
    PyTypeObject *type = Py_TYPE(self);
    Py_XDECREF(((RulesObject *)self)->rules.encodings);
    Py_XDECREF(((RulesObject *)self)->rules.codec);
    PyObject_Free(self);
    Py_DECREF(type);
}

static PyType_Slot rules_slots[] = {{Py_tp_dealloc, rules_dealloc}, {0, NULL}};
static PyType_Spec rules_spec = {
    .name = "streamdcm.encode._hot.Rules",
    .basicsize = sizeof(RulesObject),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION | Py_TPFLAGS_IMMUTABLETYPE,
    .slots = rules_slots,
};

#endif
