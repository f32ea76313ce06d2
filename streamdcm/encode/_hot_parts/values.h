/* Values: bytes, text, numbers, one or several. Each function puts one, or says that it is not ours. */

#ifndef STREAMDCM_VALUES_H
#define STREAMDCM_VALUES_H

#include "buffer.h"

static int
put_latin(Writer *w, PyObject *text)
{
    if (PyUnicode_KIND(text) != PyUnicode_1BYTE_KIND)
        return NOT_OURS;
    return put(w, PyUnicode_1BYTE_DATA(text), PyUnicode_GET_LENGTH(text));
}

static int
put_bytes(Writer *w, PyObject *bytes)
{
    return put(w, PyBytes_AS_STRING(bytes), PyBytes_GET_SIZE(bytes));
}

static int
put_default_text(Writer *w, const Rules *rules, PyObject *value, char code)
{
    (void)rules, (void)code;
    if (is_str(value) || (is_a(w->state, value, UID) && is_ready_text(value)))
        return put_latin(w, value);
    return NOT_OURS;
}

static int
put_date(Writer *w, const Rules *rules, PyObject *value, char code)
{
    return value == Py_None ? DONE : put_default_text(w, rules, value, code);
}

static int
put_only_bytes(Writer *w, const Rules *rules, PyObject *value, char code)
{
    (void)rules, (void)code;
    return PyBytes_CheckExact(value) ? put_bytes(w, value) : NOT_OURS;
}

static int
put_text(Writer *w, const Rules *rules, PyObject *value, char code)
{
    (void)code;
    if (!is_str(value))
        return NOT_OURS;
    Py_ssize_t length = PyUnicode_GET_LENGTH(value);
    if (length > w->limit - w->size || rules->codec == Py_None)
        return NOT_OURS;
    if (PyUnicode_IS_ASCII(value) && rules->keeps_ascii) {
        const void *data = PyUnicode_1BYTE_DATA(value);
        return memchr(data, 0x1B, (size_t)length) == NULL ? put(w, data, length) : NOT_OURS;
    }
    if (rules->is_extended && !PyUnicode_IS_ASCII(value))
        return NOT_OURS;
    Py_ssize_t escape = PyUnicode_FindChar(value, 0x1B, 0, length, 1);
    if (escape != -1)
        return escape == -2 ? not_ours() : NOT_OURS;
    const char *codec = PyUnicode_AsUTF8(rules->codec);
    PyObject *encoded = codec == NULL ? NULL : PyUnicode_AsEncodedString(value, codec, NULL);
    if (encoded == NULL)
        return not_ours();
    int done = PyBytes_CheckExact(encoded) ? put_bytes(w, encoded) : NOT_OURS;
    Py_DECREF(encoded);
    return done;
}

/* The text that a number was read from or is to be written as, a new reference; None if there is none. */
static PyObject *
original_string(Writer *w, PyObject *number)
{
    State *state = w->state;
#if PY_VERSION_HEX >= 0x030D0000
    PyObject *text = NULL;
    int found = PyObject_GetOptionalAttr(number, state->names[N_ORIGINAL], &text);
    return found == 0 ? Py_NewRef(Py_None) : text;
#else
    PyObject *arguments[] = {number, state->names[N_ORIGINAL], Py_None};  /* raises nothing where there is none */
    return PyObject_Vectorcall(state->known[GETATTR], arguments, 3, NULL);
#endif
}

static int
put_whole(Writer *w, PyObject *number)
{
    int overflow;
    long long value = PyLong_AsLongLongAndOverflow(number, &overflow);
    char text[32];
    return overflow ? NOT_OURS : put(w, text, snprintf(text, sizeof text, "%lld", value));
}

static int
put_fraction(Writer *w, PyObject *number)
{
    char *text = PyOS_double_to_string(PyFloat_AS_DOUBLE(number), 'r', 0, Py_DTSF_ADD_DOT_0, NULL);
    if (text == NULL)
        return FAILED;
    int done = put(w, text, (Py_ssize_t)strlen(text));
    PyMem_Free(text);
    return done;
}

static int
put_number_text(Writer *w, const Rules *rules, PyObject *value, char code)
{
    (void)rules, (void)code;
    State *state = w->state;
    if (value == Py_None)
        return DONE;
    if (is_str(value))
        return put_latin(w, value);
    if (PyFloat_CheckExact(value))
        return put_fraction(w, value);
    if (PyLong_CheckExact(value))
        return put_whole(w, value);
    int is_fraction = is_a(state, value, DS_FLOAT), is_whole = is_a(state, value, IS_);
    if (!is_fraction && !is_whole && !is_a(state, value, DS_DECIMAL))
        return NOT_OURS;
    PyObject *text = original_string(w, value);
    if (text == NULL)
        return not_ours();
    int done = NOT_OURS;
    if (is_str(text))
        done = put_latin(w, text);
    else if (text == Py_None && is_fraction)
        done = put_fraction(w, value);
    else if (text == Py_None && is_whole)
        done = put_whole(w, value);
    Py_DECREF(text);
    return done;
}

/* Whether two values are the same codecs: 1 or 0; -1 if they are not plain text, or plain lists or tuples of it. */
static int
same_codecs(PyObject *one, PyObject *other)
{
    if (is_str(one) && is_str(other))
        return PyUnicode_Compare(one, other) == 0;
    int lists = PyList_CheckExact(one) && PyList_CheckExact(other);
    if (!lists && !(PyTuple_CheckExact(one) && PyTuple_CheckExact(other)))
        return (is_str(one) && PyList_CheckExact(other)) ||
               (PyList_CheckExact(one) && is_str(other)) ? 0 : -1;
    Py_ssize_t count = PySequence_Fast_GET_SIZE(one);
    int same = count == PySequence_Fast_GET_SIZE(other);
    for (Py_ssize_t i = 0; i < count && same; i++) {
        PyObject *left = PySequence_Fast_GET_ITEM(one, i), *right = PySequence_Fast_GET_ITEM(other, i);
        if (!is_str(left) || !is_str(right))
            return -1;
        same = left == right || PyUnicode_Compare(left, right) == 0;
    }
    return same;
}

/* A name that has only its components: by `=`, without empty ones at the end. */
static int
put_components(Writer *w, const Rules *rules, PyObject *name)
{
    PyObject *components = PyObject_GetAttr(name, w->state->names[N_COMPONENTS]);
    if (components == NULL)
        return not_ours();
    int done = PyTuple_CheckExact(components) && rules->keeps_ascii ? DONE : NOT_OURS;
    Py_ssize_t count = done == DONE ? PyTuple_GET_SIZE(components) : 0;
    for (; count > 0; count--) {
        PyObject *last = PyTuple_GET_ITEM(components, count - 1);
        if (!is_str(last) || PyUnicode_GET_LENGTH(last) > 0)
            break;
    }
    for (Py_ssize_t i = 0; i < count && done == DONE; i++) {
        PyObject *component = PyTuple_GET_ITEM(components, i);
        if (i)
            done = put(w, "=", 1);
        if (done != DONE)
            break;
        if (!is_str(component) || !PyUnicode_IS_ASCII(component))
            done = NOT_OURS;
        else
            done = put_text(w, rules, component, 0);
    }
    Py_DECREF(components);
    return done;
}

static int
put_name(Writer *w, const Rules *rules, PyObject *name, char code)
{
    (void)code;
    State *state = w->state;
    if (!is_a(state, name, PERSON_NAME))
        return NOT_OURS;
    PyObject *encodings = PyObject_GetAttr(name, state->names[N_ENCODINGS]);
    if (encodings == NULL)
        return not_ours();
    PyObject *original = PyObject_GetAttr(name, state->names[N_ORIGINAL]);
    int done = NOT_OURS;
    if (original == NULL)
        done = not_ours();
    else if (original == Py_None)
        done = put_components(w, rules, name);
    else if (PyBytes_CheckExact(original) &&
             (encodings == Py_None || encodings == rules->encodings || same_codecs(encodings, rules->encodings) == 1))
        done = put_bytes(w, original);
    Py_DECREF(encodings);
    Py_XDECREF(original);
    return done;
}

static int
put_attribute_tag(Writer *w, const Rules *rules, PyObject *value, char code)
{
    (void)rules, (void)code;
    uint32_t tag;
    if (!as_tag(w->state, value, &tag))
        return NOT_OURS;
    char bytes[4];
    put16(bytes, tag >> 16);
    put16(bytes + 2, tag & 0xFFFF);
    return put(w, bytes, 4);
}

/* A binary number; `code` is that of the module struct. */
static int
put_number(Writer *w, const Rules *rules, PyObject *value, char code)
{
    (void)rules;
    char bytes[8];
    if (code == 'f' || code == 'd') {
        if (!PyFloat_CheckExact(value) && !PyLong_CheckExact(value))
            return NOT_OURS;
        double number = PyFloat_AsDouble(value);
        if (number == -1.0 && PyErr_Occurred())
            return not_ours();
        int size = code == 'f' ? 4 : 8;
        if ((size == 4 ? PyFloat_Pack4(number, bytes, 1) : PyFloat_Pack8(number, bytes, 1)) < 0)
            return not_ours();
        return put(w, bytes, size);
    }
    if (!PyLong_CheckExact(value))
        return NOT_OURS;
    int overflow, size;
    long long number = PyLong_AsLongLongAndOverflow(value, &overflow);
    unsigned long long bits = (unsigned long long)number;
    if (overflow && code == 'Q') {
        bits = PyLong_AsUnsignedLongLong(value);
        if (bits == (unsigned long long)-1 && PyErr_Occurred())
            return not_ours();
    } else if (overflow) {
        return NOT_OURS;
    }
    switch (code) {
    case 'H': size = 2; if (number < 0 || number > 0xFFFF) return NOT_OURS; break;
    case 'h': size = 2; if (number < -0x8000 || number > 0x7FFF) return NOT_OURS; break;
    case 'L': size = 4; if (number < 0 || number > 0xFFFFFFFFLL) return NOT_OURS; break;
    case 'l': size = 4; if (number < -0x80000000LL || number > 0x7FFFFFFFLL) return NOT_OURS; break;
    case 'Q': size = 8; if (!overflow && number < 0) return NOT_OURS; break;
    default: size = 8; break;
    }
    for (int i = 0; i < size; i++, bits >>= 8)
        bytes[i] = (char)(bits & 0xFF);
    return put(w, bytes, size);
}


typedef int (*Component)(Writer *, const Rules *, PyObject *, char);

/* The list or tuple that a value is, a new reference; NULL, without an error, if it is none. */
static PyObject *
components_of(Writer *w, PyObject *value)
{
    if (PyList_CheckExact(value) || PyTuple_CheckExact(value))
        return Py_NewRef(value);
    if (!is_a(w->state, value, MULTI_VALUE))
        return NULL;
    PyObject *list = PyObject_GetAttr(value, w->state->names[N_LIST]);
    if (list == NULL)
        PyErr_Clear();
    else if (!PyList_CheckExact(list))
        Py_CLEAR(list);
    return list;
}

static int
put_each(Writer *w, const Rules *rules, PyObject *values, Component component, char code, int separated)
{
    /* what it holds may be changed by other threads wherever Python code runs */
    for (Py_ssize_t i = 0; i < PySequence_Fast_GET_SIZE(values); i++) {
        if (i && separated) {
            int done = put(w, "\\", 1);
            if (done != DONE)
                return done;
        }
        PyObject *value = Py_NewRef(PySequence_Fast_GET_ITEM(values, i));
        int done = component(w, rules, value, code);
        Py_DECREF(value);
        if (done != DONE)
            return done;
    }
    return DONE;
}

static int
is_empty_text(PyObject *value)
{
    return is_str(value) && PyUnicode_GET_LENGTH(value) == 0;
}

static int
put_value(Writer *w, const Rules *rules, PyObject *value, char code)
{
    if (value == Py_None)
        return DONE;
    Component component;
    int separated = 1;
    switch (code) {
    case 'a': component = put_default_text; break;
    case 'x': component = put_text; break;
    case 'c': component = put_date; break;
    case 'n': component = put_number_text; break;
    case 'p': component = put_name; break;
    case 'T': component = put_attribute_tag; separated = 0; break;
    case 'b':
        if (PyBytes_CheckExact(value))
            return put_bytes(w, value);
        return is_empty_text(value) ? DONE : NOT_OURS;
    default: component = put_number; separated = 0; break;
    }
    if (separated && PyBytes_CheckExact(value) && (code != 'p' || PyBytes_GET_SIZE(value) == 0))
        return put_bytes(w, value);
    if (is_empty_text(value))
        return code == 'T' ? NOT_OURS : DONE;
    PyObject *values = components_of(w, value);
    if (values == NULL)
        return component(w, rules, value, code);
    if (code == 'x' && PySequence_Fast_GET_SIZE(values) > 0 && PyBytes_CheckExact(PySequence_Fast_GET_ITEM(values, 0)))
        component = put_only_bytes;
    int done = put_each(w, rules, values, component, code, separated);
    Py_DECREF(values);
    return done;
}

#endif
