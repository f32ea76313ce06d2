"""The root of all exceptions."""


class StreamdcmError(Exception):
    """The root of all exceptions that streamdcm raises of its own accord.

    Examples
    --------
    >>> try:
    ...     streamdcm.dcmwrite("out.dcm", ds, chunk_size="much")
    ... except streamdcm.StreamdcmError as error:
    ...     print(type(error).__name__)
    PlanError
    """
