"""Value encoders, and the table of VRs (PS3.5 §6.2)."""

from streamdcm.encode.vr.table import AMBIGUOUS_VRS, BULK_VRS, VRS, VrRow

__all__ = ["AMBIGUOUS_VRS", "BULK_VRS", "VRS", "VrRow"]
