"""Value encoders: one table from VR to how its values become bytes (PS3.5 §6.2)."""

from streamdcm.encode.vr.table import VR_ENCODERS, VrRow

__all__ = ["VR_ENCODERS", "VrRow"]
