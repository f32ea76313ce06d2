/* Elements, as they were read and as they were parsed or made. */

#ifndef STREAMDCM_ELEMENTS_H
#define STREAMDCM_ELEMENTS_H

#include "values.h"

/* Put a header without its length, and let the value that follows have less than BULK bytes. */
static int
put_header(Writer *w, const Rules *rules, uint32_t tag, const Row *row)
{
    char *at = room(w, 12);
    if (at == NULL)
        return FAILED;
    put16(at, tag >> 16);
    put16(at + 2, tag & 0xFFFF);
    put32(at + 4, 0);
    w->size += 8;
    if (rules->explicit_vr) {
        at[4] = row->first;
        at[5] = row->second;
        if (row->is_long) {
            put32(at + 8, 0);
            w->size += 4;
        }
    }
    w->limit = w->size + BULK - 1;
    return DONE;
}

/* Fill the length of the element that starts at `start`, and pad it. */
static int
end_element(Writer *w, const Rules *rules, Py_ssize_t start, const Row *row, int pads)
{
    int is_long = rules->explicit_vr && row->is_long;
    Py_ssize_t length = w->size - start - (is_long ? 12 : 8);
    if (pads && length & 1 && row->pad >= 0) {
        char *at = room(w, 1);
        if (at == NULL)
            return FAILED;
        *at = row->pad;
        w->size++;
        length++;
    }
    if (length > SHORT_LENGTH)
        return NOT_OURS;
    char *at = w->data + start;
    if (!rules->explicit_vr)
        put32(at + 4, (uint32_t)length);
    else if (is_long)
        put32(at + 8, (uint32_t)length);
    else
        put16(at + 6, (unsigned)length);
    return DONE;
}

/* The VR that a tag has by the dictionary, a new reference (see implied.py); NULL, without an error, if that fails. */
static PyObject *
implied_vr(const State *state, uint32_t tag)
{
    PyObject *number = PyLong_FromUnsignedLong(tag);
    PyObject *implied = number == NULL ? NULL : PyObject_CallOneArg(state->known[IMPLIED_VR], number);
    Py_XDECREF(number);
    return implied;
}

/* An element that was read without a value, if there is no doubt which VR it has. */
static int
put_empty_raw(Writer *w, const Rules *rules, uint32_t tag, PyObject *vr, const Row *row)
{
    if (!rules->keeps_layout)
        return NOT_OURS;
    if (rules->explicit_vr)
        return row == NULL || (row->first == 'U' && row->second == 'N') ? NOT_OURS : put_header(w, rules, tag, row);
    PyObject *implied = vr == Py_None ? implied_vr(w->state, tag) : Py_NewRef(Py_None);
    if (implied == NULL)
        return not_ours();
    row = row_of(w->state, implied);
    Py_DECREF(implied);
    return row == NULL ? NOT_OURS : put_header(w, rules, tag, row);
}

/* An element that was read and not parsed, with its bytes. */
static int
put_raw(Writer *w, const Rules *rules, uint32_t tag, PyObject *raw)
{
    if (rules->changed || PyTuple_GET_SIZE(raw) < 4)
        return NOT_OURS;
    PyObject *vr = PyTuple_GET_ITEM(raw, 1), *length = PyTuple_GET_ITEM(raw, 2), *value = PyTuple_GET_ITEM(raw, 3);
    if (!PyLong_CheckExact(length))
        return NOT_OURS;
    int overflow;
    long long read = PyLong_AsLongLongAndOverflow(length, &overflow);
    const Row *row = row_of(w->state, vr);
    if (value == Py_None && read == 0 && !overflow)
        return put_empty_raw(w, rules, tag, vr, row);
    if (!PyBytes_CheckExact(value))
        return NOT_OURS;
    if (overflow || read == UNDEFINED || (row == NULL && (rules->explicit_vr || !rules->keeps_layout)))
        return NOT_OURS;
    if (!rules->keeps_layout && row->code == 's')
        return NOT_OURS;
    Py_ssize_t start = w->size;
    int done = put_header(w, rules, tag, row);
    if (done == DONE)
        done = put_bytes(w, value);
    if (done == DONE)
        done = end_element(w, rules, start, row, 0);
    return done;
}

/* Whether whoever reads Implicit VR takes an element for what it is (see implied.py). */
static int
is_implied(Writer *w, uint32_t tag, PyObject *vr)
{
    PyObject *implied = implied_vr(w->state, tag);
    if (implied == NULL)
        return not_ours();
    int same = implied == Py_None || implied == vr;
    if (!same && is_str(implied))
        same = PyUnicode_Contains(implied, vr);  /* which may be one of several: "US or SS" */
    Py_DECREF(implied);
    return same < 0 ? not_ours() : same ? DONE : NOT_OURS;
}

static int
put_known_vr(Writer *w, const Rules *rules, uint32_t tag, PyObject *element, const Row *row)
{
    State *state = w->state;
    if (row->is_long) {
        PyObject *undefined = PyObject_GetAttr(element, state->names[N_UNDEFINED]);
        if (undefined == NULL)
            return not_ours();
        Py_DECREF(undefined);
        if (undefined != Py_False || rules->swaps)
            return NOT_OURS;
    } else if (row->code == 'h') {
        PyObject *number = PyLong_FromUnsignedLong(tag);
        if (number == NULL)
            return FAILED;
        int is_descriptor = PySet_Contains(state->known[LUT_DESCRIPTORS], number);
        Py_DECREF(number);
        if (is_descriptor)
            return is_descriptor < 0 ? FAILED : NOT_OURS;
    }
    PyObject *value = PyObject_GetAttr(element, state->names[N_VALUE]);
    if (value == NULL)
        return not_ours();
    Py_ssize_t start = w->size;
    int done = put_header(w, rules, tag, row);
    if (done == DONE)
        done = put_value(w, rules, value, row->code);
    Py_DECREF(value);
    if (done == DONE)
        done = end_element(w, rules, start, row, 1);
    return done;
}

/* Put one element; what it has put of one that is not ours is forgotten. */
static int
put_element(Writer *w, const Rules *rules, uint32_t tag, PyObject *element)
{
    Py_ssize_t start = w->size;
    int done = NOT_OURS;
    if (is_a(w->state, element, RAW_ELEMENT)) {
        done = put_raw(w, rules, tag, element);
    } else if (is_a(w->state, element, DATA_ELEMENT)) {
        PyObject *vr = PyObject_GetAttr(element, w->state->names[N_VR]);
        if (vr == NULL)
            return not_ours();
        const Row *row = row_of(w->state, vr);
        done = row == NULL ? NOT_OURS : DONE;
        if (done == DONE && rules->refuses_vr)
            done = is_implied(w, tag, vr);
        Py_DECREF(vr);
        if (done == DONE)
            done = row->code == 's' ? SEQUENCE : put_known_vr(w, rules, tag, element, row);
    }
    if (done != DONE)
        w->size = start;
    return done;
}

/* Whether an element is not written: a Group Length (PS3.5 §7.2). */
static inline int
is_left_out(uint32_t tag)
{
    return !(tag & 0xFFFF) && tag > 0x0006FFFF;
}

#endif
