/* The hot path of the encoder: what element.py does with values whose bytes are plain, many at a time.

   The Python code is the reference. Here only exact pairs of VR and class are encoded, in little endian order and in
   a character set that is final. Whatever else there is, and all that is to be warned of, converted or refused, goes
   back to Python for that one element or item; nothing that was encoded is encoded again.

   No function that can run Python code is called while something is only borrowed. The GIL is needed: a
   free-threaded interpreter is refused at import, and the Python code is used.

   One unit for the compiler; its parts, each of which stands on those before: _hot_parts/state.h, buffer.h, values.h,
   elements.h, rules.h, items.h. */

#include "_hot_parts/items.h"

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
