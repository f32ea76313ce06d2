/* The buffer, and the pieces that it becomes. */

#ifndef STREAMDCM_BUFFER_H
#define STREAMDCM_BUFFER_H

#include "state.h"

static char *
room(Writer *w, Py_ssize_t size)
{
    if (w->capacity - w->size < size) {
        Py_ssize_t capacity = w->capacity * 2 + size;
        char *data = PyMem_Realloc(w->data, (size_t)capacity);
        if (data == NULL) {
            PyErr_NoMemory();
            return NULL;
        }
        w->data = data;
        w->capacity = capacity;
    }
    return w->data + w->size;
}

static int
put(Writer *w, const void *bytes, Py_ssize_t size)
{
    if (size > w->limit - w->size)
        return NOT_OURS;
    char *at = room(w, size);
    if (at == NULL)
        return FAILED;
    memcpy(at, bytes, (size_t)size);
    w->size += size;
    return DONE;
}

static int
append_bytes(PyObject *parts, const char *data, Py_ssize_t size)
{
    PyObject *bytes = PyBytes_FromStringAndSize(data, size);
    if (bytes == NULL)
        return FAILED;
    int failed = PyList_Append(parts, bytes);
    Py_DECREF(bytes);
    return failed ? FAILED : DONE;
}

/* Move the buffer to the pieces; each length field that is not filled yet becomes a piece of its own. */
static int
flush(Writer *w)
{
    PyObject *parts = PyObject_GetAttr(w->pieces, w->state->names[N_PARTS]);
    if (parts == NULL)
        return FAILED;
    int done = DONE;
    Py_ssize_t start = 0;
    if (!PyList_CheckExact(parts)) {
        PyErr_SetString(PyExc_TypeError, "pieces are kept in a list");
        done = FAILED;
    }
    for (int i = 0; i < w->open && done == DONE; i++) {
        Field *field = &w->fields[i];
        if (field->offset < 0)
            continue;
        if (field->offset > start)
            done = append_bytes(parts, w->data + start, field->offset - start);
        field->part = PyList_GET_SIZE(parts);
        if (done == DONE)
            done = append_bytes(parts, "", 0);
        start = field->offset + 4;
        field->offset = -1;
    }
    if (done == DONE && w->size > start)
        done = append_bytes(parts, w->data + start, w->size - start);
    Py_DECREF(parts);
    w->before += w->size;
    w->size = 0;
    return done;
}

/* Fill the length field that was opened last. */
static int
fill(Writer *w, uint32_t length)
{
    Field *field = &w->fields[--w->open];
    if (field->offset >= 0) {
        put32(w->data + field->offset, length);
        return DONE;
    }
    char bytes[4];
    put32(bytes, length);
    PyObject *piece = PyBytes_FromStringAndSize(bytes, 4);
    if (piece == NULL)
        return FAILED;
    PyObject *parts = PyObject_GetAttr(w->pieces, w->state->names[N_PARTS]);
    if (parts == NULL) {
        Py_DECREF(piece);
        return FAILED;
    }
    if (!PyList_CheckExact(parts)) {
        PyErr_SetString(PyExc_TypeError, "pieces are kept in a list");
        Py_DECREF(piece);
        Py_DECREF(parts);
        return FAILED;
    }
    int failed = PyList_SetItem(parts, field->part, piece);  /* takes the piece, also when it fails */
    Py_DECREF(parts);
    return failed ? FAILED : DONE;
}

/* Count a length that Python returned. */
static int
add_length(Writer *w, PyObject *length)
{
    int overflow;
    long long known = PyLong_AsLongLongAndOverflow(length, &overflow);
    if (known == -1 && PyErr_Occurred())
        return FAILED;
    if (!overflow) {
        w->before += known;
        return DONE;
    }
    /* pieces of unknown length count 2^64 each (UNKNOWN_LENGTH) */
    PyObject *bits = PyLong_FromLong(64), *high = NULL, *rest = NULL, *low = NULL;
    int done = FAILED;
    if (bits != NULL && (high = PyNumber_Rshift(length, bits)) != NULL &&
        (rest = PyNumber_Lshift(high, bits)) != NULL && (low = PyNumber_Subtract(length, rest)) != NULL) {
        long long unknown = PyLong_AsLongLong(high);
        known = PyLong_AsLongLong(low);
        if (!PyErr_Occurred()) {
            w->unknown += unknown;
            w->before += known;
            done = DONE;
        }
    }
    Py_XDECREF(bits);
    Py_XDECREF(high);
    Py_XDECREF(rest);
    Py_XDECREF(low);
    return done;
}

static PyObject *
length_object(long long known, long long unknown)
{
    PyObject *low = PyLong_FromLongLong(known);
    if (unknown == 0 || low == NULL)
        return low;
    PyObject *bits = PyLong_FromLong(64), *count = PyLong_FromLongLong(unknown), *high = NULL, *sum = NULL;
    if (bits != NULL && count != NULL && (high = PyNumber_Lshift(count, bits)) != NULL)
        sum = PyNumber_Add(high, low);
    Py_XDECREF(bits);
    Py_XDECREF(count);
    Py_XDECREF(high);
    Py_DECREF(low);
    return sum;
}

#endif
