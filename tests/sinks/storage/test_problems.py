"""The one table of what the errors of storage libraries mean."""

import httpx2
import pytest
from azure.core import exceptions as azure
from botocore import exceptions as boto
from obstore import exceptions as obstore

from streamdcm import errors
from streamdcm.sinks.storage.azure import AZURE
from streamdcm.sinks.storage.fsspec import FSSPEC
from streamdcm.sinks.storage.http_request import server_of
from streamdcm.sinks.storage.obstore import OBSTORE
from streamdcm.sinks.storage.problems import PROBLEMS
from streamdcm.sinks.storage.s3_client import S3

HTTP = server_of(httpx2)


def named(value):
    return getattr(value, "name", type(value).__name__)


def of_s3(code, status=400):
    return boto.ClientError({"Error": {"Code": code}, "ResponseMetadata": {"HTTPStatusCode": status}}, "PutObject")


def of_azure(kind, code):
    error = kind("secret")
    error.error_code = code
    return error


CASES = [
    (S3, of_s3("NoSuchBucket"), errors.ContainerNotFoundError, "there is no such bucket (NoSuchBucket)"),
    (S3, of_s3("PreconditionFailed"), errors.ObjectExistsError, "the object exists, and overwrite is off"),
    (S3, of_s3("ConditionalRequestConflict"), errors.ObjectExistsError, "written by somebody else"),
    (S3, of_s3("SlowDown", 503), errors.ConnectionLostError, "S3 cannot be reached"),
    (S3, of_s3("301"), errors.WrongRegionError, "give region_name"),
    (S3, of_s3("EntityTooLarge"), errors.StorageError, "too large"),
    (S3, of_s3("Odd"), errors.StorageError, "S3 does not take or give the object (Odd)"),
    (S3, of_s3(""), errors.StorageError, "(no code)"),
    (S3, boto.NoCredentialsError(), errors.CredentialsError, "~/.aws (NoCredentialsError)"),
    (S3, boto.ReadTimeoutError(endpoint_url="u"), errors.ConnectionLostError, "(ReadTimeoutError)"),
    (S3, boto.ConnectTimeoutError(endpoint_url="u"), errors.ConnectionLostError, "(ConnectTimeoutError)"),
    (AZURE, of_azure(azure.HttpResponseError, "AuthorizationFailure"), errors.AccessDeniedError, "do not allow"),
    (AZURE, of_azure(azure.ResourceNotFoundError, "ContainerNotFound"), errors.ContainerNotFoundError, "container ("),
    (AZURE, of_azure(azure.ResourceExistsError, None), errors.ObjectExistsError, "the blob exists"),
    (AZURE, of_azure(azure.ServiceResponseTimeoutError, None), errors.ConnectionLostError, "Azure cannot be reached"),
    (AZURE, azure.ClientAuthenticationError("secret"), errors.CredentialsError, "account_url"),
    (AZURE, ValueError("secret"), errors.CredentialsError, "connection_string"),
    (AZURE, azure.AzureError("secret"), errors.StorageError, "Azure does not take or give the blob (AzureError)"),
    (OBSTORE, obstore.UnauthenticatedError("secret"), errors.CredentialsError, "in the environment"),
    (OBSTORE, obstore.NotFoundError("secret"), errors.ContainerNotFoundError, "there is no such bucket"),
    (OBSTORE, obstore.AlreadyExistsError("secret"), errors.ObjectExistsError, "the object exists"),
    (OBSTORE, obstore.GenericError("secret"), errors.StorageError, "(GenericError)"),
    (FSSPEC, FileNotFoundError("secret"), errors.ContainerNotFoundError, "there is no such bucket or directory"),
    (FSSPEC, PermissionError("secret"), errors.AccessDeniedError, "do not allow this (PermissionError)"),
    (FSSPEC, ConnectionRefusedError("secret"), errors.ConnectionLostError, "try again (ConnectionRefusedError)"),
    (FSSPEC, RuntimeError("secret"), errors.StorageError, "the file system does not take or give the file"),
    (HTTP, httpx2.ConnectTimeout("secret"), errors.ConnectionLostError, "longer timeout"),
    (HTTP, httpx2.ReadError("secret"), errors.ConnectionLostError, "the server cannot be reached"),
    (HTTP, httpx2.UnsupportedProtocol("secret"), errors.StorageError, "see what storage_options add"),
    (HTTP, UnicodeEncodeError("idna", "secret", 0, 1, "no"), errors.ConnectionLostError, "(UnicodeEncodeError)"),
]


@pytest.mark.parametrize(("service", "error", "kind", "text"), CASES, ids=named)
def test_each_library_has_its_names_in_the_table(service, error, kind, text):
    with pytest.raises(kind) as raised, service.errors_of("place"):
        raise error
    assert type(raised.value) is kind
    assert raised.value.__cause__ is error
    assert str(raised.value).startswith("place: ")
    assert text in str(raised.value)
    assert "secret" not in str(raised.value)


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (302, errors.StorageError),
        (400, errors.StorageError),
        (401, errors.CredentialsError),
        (403, errors.AccessDeniedError),
        (404, errors.ContainerNotFoundError),
        (409, errors.ContainerNotFoundError),
        (411, errors.StorageError),
        (412, errors.ObjectExistsError),
        (500, errors.StorageError),
    ],
)
def test_a_status_has_its_row_too(status, kind):
    error = HTTP.problem((f"HTTP {status}", f"HTTP {status // 100}xx"), "place", f"HTTP status {status}")
    assert type(error) is kind
    assert str(error).endswith(f"(HTTP status {status})")


@pytest.mark.parametrize(
    ("service", "error"),
    [
        (S3, of_s3("404", 404)),
        (S3, of_s3("NoSuchKey", 404)),
        (AZURE, of_azure(azure.ResourceNotFoundError, "BlobNotFound")),
        (OBSTORE, obstore.NotFoundError("secret")),
        (FSSPEC, FileNotFoundError("secret")),
    ],
    ids=named,
)
def test_what_is_not_there_to_be_read_is_a_file_that_is_not_found(service, error):
    with pytest.raises(FileNotFoundError, match="there is no such object") as raised, service.errors_reading("place"):
        raise error
    assert not isinstance(raised.value, errors.StreamdcmError)
    assert raised.value.filename == "place"


@pytest.mark.parametrize("error", [of_s3("NoSuchBucket"), of_s3("AccessDenied")], ids=named)
def test_what_else_prevents_reading_is_in_the_table(error):
    with pytest.raises(errors.StorageError), S3.errors_reading("place"):
        raise error


@pytest.mark.parametrize(
    ("service", "error"),
    [(S3, of_s3("412")), (OBSTORE, obstore.PreconditionError("x")), (AZURE, azure.ResourceModifiedError("x"))],
    ids=named,
)
def test_what_has_changed_is_named(service, error):
    with pytest.raises(errors.SourceError, match="has changed"), service.errors_reading("place"):
        raise error


def test_our_own_errors_pass():
    with pytest.raises(errors.TargetTypeError), FSSPEC.errors_of("place"):
        raise errors.TargetTypeError("ours")


def test_a_name_means_one_thing():
    names = [name for problem in PROBLEMS for name in problem.names]
    assert len(names) == len(set(names))
