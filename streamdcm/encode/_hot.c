/* The hot path of the encoder: what element.py does with values whose bytes are plain, many at a time.

   The Python code is the reference. Here only exact pairs of VR and class are encoded, in little endian order and in
   a character set that is final. Whatever else there is, and all that is to be warned of, converted or refused, goes
   back to Python for that one element or item; nothing that was encoded is encoded again.

   No function that can run Python code is called while something is only borrowed. The GIL is needed: a
   free-threaded interpreter is refused at import, and the Python code is used. */

#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#define UNDEFINED 0xFFFFFFFFLL     /* PS3.5 §7.1.1: a length field that says that a delimiter ends this */
#define MAX_LENGTH 0xFFFFFFFELL
#define SHORT_LENGTH 0xFFFF
#define BULK 65536                 /* values of this size stay pieces of their own, uncopied: pieces.BULK */
#define FLUSHED (4 * BULK)         /* the most that is gathered before it becomes a piece */
#define DEEPEST 32                 /* items that are nested deeper are left to Python, whose recursion is checked */
#define PAUSE 8192                 /* after how many elements signals are looked at and other threads may run */
#define CHARACTER_SET 0x00080005

enum outcome { FAILED = -1, NOT_OURS = 0, DONE = 1, SEQUENCE = 2 };
enum state { ENOUGH, END, FOR_PYTHON, AT_SEQUENCE };
enum lengths { PRESERVED, DEFINED_ALL, UNDEFINED_ALL };

/* Objects of Python that are known here, in the order of the names by which `configure` is given them. */
enum known {
    DATASET, DATA_ELEMENT, RAW_ELEMENT, BASE_TAG, ITEMS, MULTI_VALUE, PERSON_NAME, UID, DS_FLOAT, DS_DECIMAL, IS_,
    SCOPE, IMPLIED_VR, LUT_DESCRIPTORS, KEEPS_ASCII, GETATTR, KNOWN
};
static const char *const KNOWN_NAMES[KNOWN] = {
    "Dataset", "DataElement", "RawDataElement", "BaseTag", "Sequence", "MultiValue", "PersonName", "UID", "DSfloat",
    "DSdecimal", "IS", "Scope", "implied_vr", "LUT_DESCRIPTORS", "keeps_ascii", "getattr",
};

enum name {
    N_VR, N_VALUE, N_TAG, N_UNDEFINED, N_LIST, N_ORIGINAL, N_ENCODINGS, N_COMPONENTS, N_DICT, N_READ_IMPLICIT,
    N_READ_LITTLE, N_READ_CHARSET, N_PARENT_ENCODING, N_ITEM_UNDEFINED, N_PARTS, N_HOT, N_FACTS, N_LAYOUT, N_ENCODING, N_CONTEXT,
    N_CODEC, N_EXTENDED, N_DEPTH, N_IMPLICIT, N_LITTLE, N_CONFLICT, N_SEQUENCE_LENGTHS, N_GROUP_LENGTHS, N_CONVERTS,
    N_PLAIN, N_CHANGED, N_KEEPS_LAYOUT, N_RECODES, N_MARKS, N_SWAPS, NAMES
};
static const char *const ATTRIBUTES[NAMES] = {
    "VR", "_value", "tag", "is_undefined_length", "_list", "original_string", "encodings", "_components", "_dict",
    "_read_implicit", "_read_little", "_read_charset", "_parent_encoding", "is_undefined_length_sequence_item",
    "parts", "hot", "facts", "layout", "encoding", "context", "codec", "is_extended", "depth", "implicit_vr", "little_endian",
    "on_vr_conflict", "sequence_lengths", "group_lengths", "converts_file", "plain", "changed", "keeps_layout", "recodes",
    "marks_sequences", "swaps",
};

/* One VR: which function encodes it (`put_value`), what pads it, and whether its length field has 32 bits. */
typedef struct {
    char code, first, second;
    signed char pad;               /* -1: nothing */
    char is_long;
} Row;

typedef struct {
    PyObject *known[KNOWN];
    PyObject *names[NAMES];
    PyObject *encode_elements, *encode_item;
    PyTypeObject *rules_type;
    Row rows[26 * 26];
} State;

/* What holds for the elements of one dataset: see Scope. */
typedef struct {
    PyObject *encodings, *codec;
    int is_ours;                   /* whether its elements can be encoded here at all */
    int explicit_vr, refuses_vr, lengths, converts, is_little;
    int one_charset, keeps_ascii, is_extended;
    int changed, keeps_layout, recodes, marks, swaps, depth;
} Rules;

/* A scope remembers its rules in this. */
typedef struct {
    PyObject_HEAD
    Rules rules;
} RulesObject;

/* A length field that is not filled yet: where it is in the buffer, or among the pieces (offset -1). */
typedef struct {
    Py_ssize_t offset, part;
} Field;

typedef struct {
    State *state;
    PyObject *pieces;
    char *data;
    Py_ssize_t size, capacity;
    Py_ssize_t limit;              /* up to here the value that is being put may go */
    long long before;              /* how many bytes came before the buffer */
    long long unknown;             /* how many values of unknown length, that count 2^64 each */
    unsigned count;
    int open;
    Field fields[2 * DEEPEST + 4];
} Writer;

/* An item, or the dataset, that is being encoded. */
typedef struct Level {
    const Rules *rules;
    PyObject *scope;               /* made when it is needed */
    struct Level *outer;
    PyObject *item, *tag;
    Py_ssize_t index;
} Level;

typedef struct {
    uint32_t tag;
    PyObject *element;
} Pair;

/* ---- small things ---- */

static inline int
is_a(const State *state, PyObject *object, enum known class)
{
    return (PyObject *)Py_TYPE(object) == state->known[class];
}

static inline int
is_ready_text(PyObject *text)
{
#if PY_VERSION_HEX < 0x030C0000
    return PyUnicode_IS_READY(text);
#else
    (void)text;
    return 1;
#endif
}

/* Whether it is an exact `str` that can be looked into. */
static inline int
is_str(PyObject *object)
{
    return PyUnicode_CheckExact(object) && is_ready_text(object);
}

/* What could not be looked up or converted is Python's to judge; only memory that is short is an error here. */
static int
not_ours(void)
{
    if (PyErr_ExceptionMatches(PyExc_Exception) && !PyErr_ExceptionMatches(PyExc_MemoryError)) {
        PyErr_Clear();
        return NOT_OURS;
    }
    return FAILED;
}

static inline void
put16(char *at, unsigned value)
{
    at[0] = (char)(value & 0xFF);
    at[1] = (char)(value >> 8 & 0xFF);
}

static inline void
put32(char *at, uint32_t value)
{
    put16(at, value & 0xFFFF);
    put16(at + 2, value >> 16);
}

/* Whether it is an `int`, or a tag, from 0 to 2^32 - 1. */
static inline int
as_tag(const State *state, PyObject *object, uint32_t *tag)
{
    if (!PyLong_CheckExact(object) && !is_a(state, object, BASE_TAG))
        return 0;
    int overflow;
    long long value = PyLong_AsLongLongAndOverflow(object, &overflow);
    if (overflow || value < 0 || value > UNDEFINED)
        return 0;
    *tag = (uint32_t)value;
    return 1;
}

static const Row *
row_of(const State *state, PyObject *vr)
{
    if (!is_str(vr) || PyUnicode_GET_LENGTH(vr) != 2)
        return NULL;
    Py_UCS4 first = PyUnicode_READ_CHAR(vr, 0), second = PyUnicode_READ_CHAR(vr, 1);
    if (first < 'A' || first > 'Z' || second < 'A' || second > 'Z')
        return NULL;
    const Row *row = &state->rows[(first - 'A') * 26 + (second - 'A')];
    return row->code ? row : NULL;
}

static int
is_true_or_false(PyObject *object, int *value)
{
    *value = object == Py_True;
    return object == Py_True || object == Py_False;
}

/* ---- the buffer ---- */

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

/* ---- values: bytes, text, numbers. Each function puts one, or says that it is not ours. ---- */

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

/* ---- one value, or several ---- */

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

/* ---- elements ---- */

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

/* ---- the rules of a scope ---- */

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

/* ---- items ---- */

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

/* ---- functions of the module ---- */

static int
is_ready(State *state)
{
    if (state->known[GETATTR] == NULL || state->encode_item == NULL) {
        PyErr_SetString(PyExc_RuntimeError, "the hot path is not configured");
        return 0;
    }
    return 1;
}

/* Encode elements while they are ours. Returns what was encoded so far, what is next, and why it stopped. */
static int
run(Writer *w, const Rules *rules, PyObject *iterator, PyObject **next)
{
    PyObject *pair;
    while (w->size < BULK) {
        pair = PyIter_Next(iterator);
        if (pair == NULL)
            return PyErr_Occurred() ? -1 : END;
        uint32_t tag;
        int done = NOT_OURS;
        if (PyTuple_CheckExact(pair) && PyTuple_GET_SIZE(pair) == 2 &&
            as_tag(w->state, PyTuple_GET_ITEM(pair, 0), &tag))
            done = is_left_out(tag) ? DONE : put_element(w, rules, tag, PyTuple_GET_ITEM(pair, 1));
        if (done == SEQUENCE)
            *next = Py_NewRef(PyTuple_GET_ITEM(pair, 1));
        else if (done == NOT_OURS)
            *next = Py_NewRef(pair);
        Py_DECREF(pair);
        if (done != DONE)
            return done == FAILED ? -1 : done == SEQUENCE ? AT_SEQUENCE : FOR_PYTHON;
    }
    return ENOUGH;
}

PyDoc_STRVAR(encode_run_doc,
"encode_run(elements, pieces, scope)\n--\n\n"
"Encode elements up to the next one that is not plain; None where Python has to encode all of them.\n\n"
"Returns their length, what is next (a sequence, or the pair of an element for Python), and why it stopped.");

static PyObject *
encode_run(PyObject *module, PyObject *const *arguments, Py_ssize_t count)
{
    State *state = PyModule_GetState(module);
    if (count != 3) {
        PyErr_SetString(PyExc_TypeError, "encode_run(elements, pieces, scope)");
        return NULL;
    }
    if (!is_ready(state))
        return NULL;
    if (!PyIter_Check(arguments[0]))
        return PyErr_Format(PyExc_TypeError, "elements come from an iterator");
    RulesObject *object = rules_of(state, arguments[2]);
    if (object == NULL)
        return NULL;
    if (!object->rules.is_ours) {
        Py_DECREF(object);
        Py_RETURN_NONE;
    }
    Writer w = {.state = state, .pieces = arguments[1]};
    PyObject *next = NULL, *result = NULL;
    int stopped = room(&w, 4096) == NULL ? -1 : run(&w, &object->rules, arguments[0], &next);
    if (stopped >= 0 && (w.size == 0 || flush(&w) == DONE))
        result = Py_BuildValue("(LOi)", w.before, next == NULL ? Py_None : next, stopped);
    Py_XDECREF(next);
    Py_DECREF(object);
    PyMem_Free(w.data);
    return result;
}

PyDoc_STRVAR(encode_item_doc,
"encode_item(item, pieces, scope, place)\n--\n\n"
"Encode an item and return its length with delimiters; None, and nothing is encoded, if Python has to.");

static PyObject *
encode_item(PyObject *module, PyObject *const *arguments, Py_ssize_t count)
{
    State *state = PyModule_GetState(module);
    if (count != 4 || !PyTuple_CheckExact(arguments[3]) || PyTuple_GET_SIZE(arguments[3]) != 2) {
        PyErr_SetString(PyExc_TypeError, "encode_item(item, pieces, scope, place)");
        return NULL;
    }
    if (!is_ready(state))
        return NULL;
    Py_ssize_t index = PyLong_AsSsize_t(PyTuple_GET_ITEM(arguments[3], 1));
    if (index == -1 && PyErr_Occurred())
        return NULL;
    RulesObject *object = rules_of(state, arguments[2]);
    if (object == NULL)
        return NULL;
    Writer w = {.state = state, .pieces = arguments[1]};
    int done = NOT_OURS;
    if (object->rules.is_ours) {
        Level level = {.rules = &object->rules, .scope = arguments[2]};
        done = put_item(&w, &level, arguments[0], PyTuple_GET_ITEM(arguments[3], 0), index);
    }
    PyObject *result = NULL;
    if (done == NOT_OURS)
        result = Py_NewRef(Py_None);
    else if (done == DONE && flush(&w) == DONE)
        result = length_object(w.before, w.unknown);
    Py_DECREF(object);
    PyMem_Free(w.data);
    return result;
}

static int
read_row(State *state, PyObject *vr, PyObject *given)
{
    const char *code, *pad;
    Py_ssize_t pads;
    int is_long;
    if (!PyArg_ParseTuple(given, "sy#p", &code, &pad, &pads, &is_long))
        return FAILED;
    Py_ssize_t length;
    const char *name = PyUnicode_AsUTF8AndSize(vr, &length);
    if (name == NULL)
        return FAILED;
    if (length != 2 || name[0] < 'A' || name[0] > 'Z' || name[1] < 'A' || name[1] > 'Z') {
        PyErr_SetString(PyExc_ValueError, "a VR is two capital letters");
        return FAILED;
    }
    Row row = {code[0], name[0], name[1], (signed char)(pads ? pad[0] : -1), (char)is_long};
    state->rows[(name[0] - 'A') * 26 + (name[1] - 'A')] = row;
    return DONE;
}

PyDoc_STRVAR(configure_doc,
"configure(known, rows)\n--\n\n"
"Say which classes and functions of Python are meant, and how each VR is encoded: its code, pad, and long length.");

static PyObject *
configure(PyObject *module, PyObject *arguments)
{
    State *state = PyModule_GetState(module);
    PyObject *known, *rows;
    if (!PyArg_ParseTuple(arguments, "O!O!", &PyDict_Type, &known, &PyDict_Type, &rows))
        return NULL;
    for (int i = 0; i < KNOWN; i++) {
        PyObject *object = PyDict_GetItemString(known, KNOWN_NAMES[i]);
        if (object == NULL || (i <= SCOPE && !PyType_Check(object)))
            return PyErr_Format(PyExc_TypeError, "no class or function %s", KNOWN_NAMES[i]);
        Py_XSETREF(state->known[i], Py_NewRef(object));
    }
    const struct { enum known class; PyTypeObject *base; } bases[] = {
        {RAW_ELEMENT, &PyTuple_Type}, {BASE_TAG, &PyLong_Type}, {UID, &PyUnicode_Type}, {DS_FLOAT, &PyFloat_Type},
        {IS_, &PyLong_Type},
    };
    for (size_t i = 0; i < sizeof bases / sizeof *bases; i++) {
        if (!PyType_IsSubtype((PyTypeObject *)state->known[bases[i].class], bases[i].base)) {
            Py_CLEAR(state->known[GETATTR]);
            return PyErr_Format(PyExc_TypeError, "%s is of another kind", KNOWN_NAMES[bases[i].class]);
        }
    }
    if (!PyAnySet_Check(state->known[LUT_DESCRIPTORS])) {
        Py_CLEAR(state->known[GETATTR]);
        return PyErr_Format(PyExc_TypeError, "LUT_DESCRIPTORS is a set");
    }
    PyObject *vr, *row;
    Py_ssize_t position = 0;
    while (PyDict_Next(rows, &position, &vr, &row)) {
        if (!PyTuple_Check(row) || read_row(state, vr, row) != DONE) {
            if (!PyErr_Occurred())
                PyErr_SetString(PyExc_TypeError, "a row is a tuple");
            return NULL;
        }
    }
    Py_RETURN_NONE;
}

PyDoc_STRVAR(ask_doc,
"ask(encode_elements, encode_item)\n--\n\nSay which functions of Python encode what is not plain.");

static PyObject *
ask(PyObject *module, PyObject *arguments)
{
    State *state = PyModule_GetState(module);
    PyObject *elements, *item;
    if (!PyArg_ParseTuple(arguments, "OO", &elements, &item))
        return NULL;
    Py_XSETREF(state->encode_elements, Py_NewRef(elements));
    Py_XSETREF(state->encode_item, Py_NewRef(item));
    Py_RETURN_NONE;
}

static PyMethodDef functions[] = {
    {"encode_run", (PyCFunction)(void (*)(void))encode_run, METH_FASTCALL, encode_run_doc},
    {"encode_item", (PyCFunction)(void (*)(void))encode_item, METH_FASTCALL, encode_item_doc},
    {"configure", configure, METH_VARARGS, configure_doc},
    {"ask", ask, METH_VARARGS, ask_doc},
    {NULL, NULL, 0, NULL},
};

static int
start(PyObject *module)
{
#ifdef Py_GIL_DISABLED
    (void)module;
    PyErr_SetString(PyExc_ImportError, "the hot path needs the GIL; the Python code is used instead");
    return -1;
#else
    State *state = PyModule_GetState(module);
    for (int i = 0; i < NAMES; i++) {
        state->names[i] = PyUnicode_InternFromString(ATTRIBUTES[i]);
        if (state->names[i] == NULL)
            return -1;
    }
    state->rules_type = (PyTypeObject *)PyType_FromModuleAndSpec(module, &rules_spec, NULL);
    if (state->rules_type == NULL)
        return -1;
    return PyModule_AddIntConstant(module, "FOR_PYTHON", FOR_PYTHON) < 0 ||
           PyModule_AddIntConstant(module, "AT_SEQUENCE", AT_SEQUENCE) < 0 ||
           PyModule_AddIntConstant(module, "END", END) < 0 ? -1 : 0;
#endif
}

static int
traverse(PyObject *module, visitproc visit, void *arg)
{
    State *state = PyModule_GetState(module);
    if (state == NULL)
        return 0;
    for (int i = 0; i < KNOWN; i++)
        Py_VISIT(state->known[i]);
    Py_VISIT(state->encode_elements);
    Py_VISIT(state->encode_item);
    Py_VISIT(state->rules_type);
    return 0;
}

static int
clear(PyObject *module)
{
    State *state = PyModule_GetState(module);
    if (state == NULL)
        return 0;
    for (int i = 0; i < KNOWN; i++)
        Py_CLEAR(state->known[i]);
    for (int i = 0; i < NAMES; i++)
        Py_CLEAR(state->names[i]);
    Py_CLEAR(state->encode_elements);
    Py_CLEAR(state->encode_item);
    Py_CLEAR(state->rules_type);
    return 0;
}

static void
end(void *module)
{
    clear(module);
}

static PyModuleDef_Slot slots[] = {
    {Py_mod_exec, start},
#ifdef Py_GIL_DISABLED
    {Py_mod_gil, Py_MOD_GIL_NOT_USED},  /* so that an import that is refused changes nothing */
#endif
    {0, NULL},
};
static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT, .m_name = "streamdcm.encode._hot", .m_doc = "The hot path of the encoder, in C.",
    .m_size = sizeof(State), .m_methods = functions, .m_slots = slots, .m_traverse = traverse, .m_clear = clear,
    .m_free = end,
};

PyMODINIT_FUNC
PyInit__hot(void)
{
    return PyModuleDef_Init(&definition);
}
