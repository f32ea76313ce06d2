"""What the errors of storage libraries mean: one table for all of them, and the one place where they become ours."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final, NamedTuple

from streamdcm.errors import (
    AccessDeniedError,
    ConnectionLostError,
    ContainerNotFoundError,
    CredentialsError,
    ObjectExistsError,
    StorageError,
    StreamdcmError,
    WrongRegionError,
)
from streamdcm.sinks.storage.object_reader import has_changed, no_such_object


def _no_code(error: Exception) -> str | None:
    return None


@dataclass(frozen=True)
class Service:
    """A service, or a library that talks to several, and what its errors are called.

    Parameters
    ----------
    name : str
        What messages call it.
    thing, container : str
        What it calls an object, and what objects are in.
    credentials : str
        Where credentials are given.
    errors : tuple of type
        The exceptions that its library raises.
    code : callable, optional
        Returns what the service itself calls an error, if it does.
    otherwise : str, optional
        The name in the table that stands for what has no other name in it.
    """

    name: str
    thing: str
    container: str
    credentials: str
    errors: tuple[type[Exception], ...]
    code: Callable[[Exception], str | None] = _no_code
    otherwise: str = ""

    @contextmanager
    def errors_of(self, location: str | None) -> Iterator[None]:
        """Translate the exceptions of the library in a block that writes to `location`."""
        try:
            yield
        except StreamdcmError:
            raise
        except self.errors as error:
            raise self.translated(error, location) from error

    @contextmanager
    def errors_reading(self, location: str) -> Iterator[None]:
        """Translate the exceptions of the library in a block that reads what is at `location`.

        Raises
        ------
        FileNotFoundError
            If it is not there.
        SourceError
            If it was replaced since it was opened.
        """
        try:
            yield
        except StreamdcmError:
            raise
        except self.errors as error:
            names = self.names(error)
            if not _NO_SUCH_CONTAINER.intersection(names):
                if _NO_SUCH_OBJECT.intersection(names):
                    raise no_such_object(location) from error
                if _CHANGED.intersection(names):
                    raise has_changed(location) from error
            raise self.translated(error, location) from error

    def names(self, error: Exception) -> list[str]:
        """Return what an error is called, the most exact name first; none says what was sent."""
        code = self.code(error)
        return list(filter(None, [code, *(kind.__name__ for kind in type(error).__mro__), self.otherwise]))

    def translated(self, error: Exception, location: str | None) -> StorageError:
        """Return our error for one of the library."""
        return self.problem(self.names(error), location)

    def problem(self, names: Iterable[str], location: str | None, shown: str | None = None) -> StorageError:
        """Return the error that has one of these names in the table, of which the first, or `shown`, is shown."""
        names = list(names)
        found = next((_BY_NAME[name] for name in names if name in _BY_NAME), _OTHER)
        return found.kind(f"{location}: {self._filled(found.text)} ({shown or names[0]})")

    def exists(self, location: str | None) -> ObjectExistsError:
        """Return the error for what is there already and must not be replaced."""
        return ObjectExistsError(f"{location}: {self._filled(_EXISTS)}")

    def _filled(self, text: str) -> str:
        return text.format(service=self.name, thing=self.thing, container=self.container, credentials=self.credentials)


class Problem(NamedTuple):
    """A row of the table.

    Attributes
    ----------
    kind : type
        Our error.
    text : str
        What is wrong and what to do, in the words of the service.
    names : frozenset of str
        What services call it, and the classes of libraries and of Python that mean it.
    """

    kind: type[StorageError]
    text: str
    names: frozenset[str]


_EXISTS: Final = "the {thing} exists, and overwrite is off"

_OTHER: Final = Problem(StorageError, "{service} does not take or give the {thing}", frozenset())

PROBLEMS: Final = (
    Problem(
        CredentialsError,
        "there are no valid credentials; give {credentials}",
        frozenset(
            {
                *("NoCredentialsError", "PartialCredentialsError", "CredentialRetrievalError", "NoAuthTokenError"),
                *("ProfileNotFound", "TokenRetrievalError", "SSOTokenLoadError", "UnauthorizedSSOTokenError"),
                *("InvalidAccessKeyId", "SignatureDoesNotMatch", "ExpiredToken", "InvalidToken"),
                *("TokenRefreshRequired", "ClientAuthenticationError", "AuthenticationFailed"),
                *("InvalidAuthenticationInfo", "NoAuthenticationInformation", "UnauthenticatedError", "HTTP 401"),
            }
        ),
    ),
    Problem(CredentialsError, "the proxy wants credentials; give proxy= in storage_options", frozenset({"HTTP 407"})),
    Problem(
        AccessDeniedError,
        "the credentials do not allow this",
        frozenset(
            {
                *("AccessDenied", "403", "AllAccessDisabled", "AuthorizationFailure", "InsufficientAccountPermissions"),
                *("AuthorizationPermissionMismatch", "PermissionDeniedError", "PermissionError", "HTTP 403"),
                "error_perm",  # of ftplib
            }
        ),
    ),
    Problem(
        ContainerNotFoundError,
        "there is no such {container}",
        frozenset(
            {
                *("NoSuchBucket", "ContainerNotFound", "ContainerBeingDeleted", "NotFoundError", "FileNotFoundError"),
                "HTTP 404",
            }
        ),
    ),
    Problem(
        ContainerNotFoundError,
        "there is no such {container}, or another write is going on",  # RFC 4918 §9.7.1: no collection
        frozenset({"HTTP 409"}),
    ),
    Problem(
        WrongRegionError,
        "the {container} is in another region; give region_name in storage_options",
        frozenset(
            {
                *("PermanentRedirect", "301", "AuthorizationHeaderMalformed", "IllegalLocationConstraintException"),
                *("InvalidRegionError", "NoRegionError", "TemporaryRedirect"),
            }
        ),
    ),
    Problem(
        ObjectExistsError,
        _EXISTS,
        frozenset(
            {
                *("PreconditionFailed", "412", "ResourceExistsError", "BlobAlreadyExists", "ConditionNotMet"),
                *("AlreadyExistsError", "PreconditionError", "FileExistsError", "HTTP 412"),
            }
        ),
    ),
    Problem(
        ObjectExistsError,
        "the {thing} is just being written by somebody else, and overwrite is off",
        frozenset({"ConditionalRequestConflict"}),
    ),
    Problem(
        ConnectionLostError,
        "{service} cannot be reached, or does not answer as it should; try again",
        frozenset(
            {
                *("EndpointConnectionError", "ConnectionClosedError", "ConnectionError", "HTTPClientError", "SSLError"),
                *("ConnectTimeoutError", "ReadTimeoutError", "ProxyConnectionError", "ResponseStreamingError"),
                *("InternalError", "ServiceUnavailable", "SlowDown", "RequestTimeout", "500", "502", "503", "504"),
                *("ServiceRequestError", "ServiceResponseError", "ServerBusy", "OperationTimedOut", "TransportError"),
                *("TimeoutError", "gaierror"),
            }
        ),
    ),
    Problem(
        ConnectionLostError,
        "{service} did not go on in time; try again, or give a longer timeout in storage_options",
        frozenset({"TimeoutException"}),
    ),
    Problem(
        StorageError,
        "the request cannot be sent; see what storage_options add to it",
        frozenset({"LocalProtocolError", "InvalidURL", "UnsupportedProtocol", "UnknownConfigurationKeyError"}),
    ),
    Problem(
        StorageError,
        "{service} redirects in a way that a PUT cannot follow; give the address that it redirects to",
        frozenset({"HTTP 3xx"}),
    ),
    Problem(
        StorageError,
        "{service} wants to know the length ahead, and takes no chunks; it is known for a dataset without frames=, and "
        "for native frames whose number is known",
        frozenset({"HTTP 411"}),
    ),
    Problem(StorageError, "{service} finds this too large", frozenset({"HTTP 413", "EntityTooLarge"})),
    Problem(StorageError, "{service} has no space for this", frozenset({"HTTP 507"})),
    Problem(StorageError, "{service} failed; try again", frozenset({"HTTP 5xx"})),
)

_BY_NAME: Final = {name: problem for problem in PROBLEMS for name in problem.names}

_NO_SUCH_OBJECT: Final = frozenset(
    {"404", "NoSuchKey", "NotFound", "NotFoundError", "FileNotFoundError", "ResourceNotFoundError"}
)
_NO_SUCH_CONTAINER: Final = frozenset({"NoSuchBucket", "ContainerNotFound", "ContainerBeingDeleted"})
_CHANGED: Final = frozenset({"412", "PreconditionFailed", "PreconditionError", "ResourceModifiedError"})
