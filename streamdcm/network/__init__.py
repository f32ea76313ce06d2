"""Sending instances to DICOM servers: what `streamdcm.dicomweb` and `streamdcm.dimse` have in common."""

from streamdcm.network.instances import Instance
from streamdcm.network.results import InstanceResult, StoreResult

__all__ = ["Instance", "InstanceResult", "StoreResult"]
