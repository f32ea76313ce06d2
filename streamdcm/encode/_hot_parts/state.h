/* What the module knows, and what it keeps while it encodes. */

#ifndef STREAMDCM_STATE_H
#define STREAMDCM_STATE_H

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

#endif
