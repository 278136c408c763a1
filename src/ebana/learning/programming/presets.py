"""Published fits of devices, by name, with what was taken from where.

Fits that were made with the IBM Analog Hardware Acceleration Kit (Rasch et al., AICAS 2021, arXiv 2104.02184) are taken
from the presets of its source; there, additive noise does not shrink with the step, while here every noise from cycle
to cycle is a share of it. Of memristors the publications give the law, and no pulses: those are chosen here.
"""

from __future__ import annotations

from dataclasses import dataclass

from ebana.learning.programming.device import PulsedDevice
from ebana.learning.programming.memristors import LinearDriftMemristor, Vteam
from ebana.learning.programming.steps import ConstantStep, ExponentialStep, LinearStep, SoftBounds


@dataclass(frozen=True)
class Preset:
    """A published device.

    Args:
        device: the device.
        source: the publication.
        taken: which numbers are its, and which are not.
    """

    device: PulsedDevice
    source: str
    taken: str


_KIT = "step, bounds, asymmetry and all spreads and noises as preset in IBM's aihwkit ({}), in units of its weight"
_GONG = "Gong et al., Nature Communications 9 (2018) 2102, doi 10.1038/s41467-018-04485-1"

PRESETS: dict[str, Preset] = {
    "reram-exponential": Preset(
        ExponentialStep(
            states=2 / 0.00135,
            asymmetry=0.259359,
            amplitude_up=-1.18445,
            amplitude_down=-0.081404,
            exponent_up=5.0,
            exponent_down=5.0,
            slope=-0.5,
            offset=-0.5,
            cycle_to_cycle=5.0,
            write_noise=75 * 0.00135 / 2,
            device_to_device=0.2,
            device_to_device_asymmetry=0.05,
            device_to_device_bounds=0.3,
        ),
        _GONG,
        _KIT.format("ReRamESPresetDevice"),
    ),
    "reram-soft-bounds": Preset(
        SoftBounds(
            states=2 / 0.002,
            lower=-0.75,
            upper=1.25,
            cycle_to_cycle=3.75,
            write_noise=56 * 0.002 / 2,
            device_to_device=0.3,
            device_to_device_asymmetry=0.01,
            device_to_device_bounds=0.3,
        ),
        _GONG,
        _KIT.format("ReRamSBPresetDevice: a loose fit, moved so that the symmetry point lies at zero"),
    ),
    "capacitor": Preset(
        LinearStep(
            states=2 / 0.005,
            slope_up=0.05,
            slope_down=0.05,
            cycle_to_cycle=0.3,
            device_to_device=0.1,
            device_to_device_asymmetry=0.06,
            device_to_device_bounds=0.07,
        ),
        "Li et al., Symposium on VLSI Technology (2018), IEEE 8510648",
        _KIT.format("CapacitorPresetDevice")
        + "; its leakage and the spread of its slopes (0.01) are left out",
    ),
    "ecram": Preset(
        LinearStep(
            states=2 / 0.002,
            lower=-0.8276,
            upper=1.1724,
            slope_up=0.1153,
            slope_down=0.5085,
            cycle_to_cycle=0.3,
            device_to_device=0.1,
            device_to_device_asymmetry=0.01,
            device_to_device_bounds=0.05,
        ),
        "Tang et al., IEDM (2018), IEEE 8614551",
        _KIT.format("EcRamPresetDevice, lithium") + "; the spread of its slopes (0.05) is left out",
    ),
    "ecram-metal-oxide": Preset(
        LinearStep(
            states=2 / 2.8214e-4,
            lower=-0.8286,
            upper=1.1714,
            slope_up=0.4152,
            slope_down=0.7342,
            cycle_to_cycle=2.0,
            device_to_device=0.1,
            device_to_device_asymmetry=0.01,
            device_to_device_bounds=0.05,
        ),
        "Kim et al., IEDM (2019), IEEE 8993463",
        _KIT.format("EcRamMOPresetDevice") + "; the spread of its slopes (0.05) is left out",
    ),
    "gokmen-vlasov": Preset(
        ConstantStep(
            states=2 / 0.0016,
            cycle_to_cycle=0.3,
            device_to_device=0.3,
            device_to_device_asymmetry=0.01,
            device_to_device_bounds=0.3,
        ),
        "Gokmen and Vlasov, Frontiers in Neuroscience 10 (2016) 333, doi 10.3389/fnins.2016.00333",
        _KIT.format("GokmenVlasovPresetDevice"),
    ),
    "idealised": Preset(
        ConstantStep(
            states=2 / 0.0002, cycle_to_cycle=0.3, device_to_device=0.3, device_to_device_bounds=0.3
        ),
        "Rasch, Gokmen and Haensch, IEEE Design & Test (2019), arXiv 1906.02698",
        _KIT.format("IdealizedPresetDevice"),
    ),
    "hp-linear-drift": Preset(
        LinearDriftMemristor(
            r_on=100.0,
            r_off=16e3,
            mobility=1e-14,
            thickness=10e-9,
            window=1,
            voltage_up=1.0,
            voltage_down=1.0,
            width=300e-6,
        ),
        "Strukov et al., Nature 453 (2008) 80; window of Joglekar and Wolf, arXiv 0807.3994",
        "resistances, mobility, thickness and window as the defaults of MemTorch's LinearIonDrift; no thresholds; "
        "pulses of 1 V and 300 us are chosen here for about a hundred states",
    ),
    "vteam": Preset(
        Vteam(
            r_on=50.0,
            r_off=1000.0,
            k_on=10.0,
            k_off=5e-4,
            alpha_on=3.0,
            alpha_off=1.0,
            v_on=0.2,
            v_off=0.02,
            thickness=3e-9,
            window=None,
            voltage_up=0.2166,
            voltage_down=0.25,
            width=1e-9,
        ),
        "Kvatinsky et al., IEEE Transactions on Circuits and Systems II 62 (2015) 786, doi 10.1109/TCSII.2015.2433536",
        "all numbers of the law as the defaults of MemTorch's VTEAM; pulses of -0.2166 V and 0.25 V of 1 ns are chosen "
        "here for steps of one size and about a hundred states",
    ),
}
"""By name."""


def get(name: str) -> PulsedDevice:
    """A published device by name.

    Raises:
        ValueError: for an unknown name.

    Example:
        >>> get("ecram").states
        1000.0
    """
    if name not in PRESETS:
        raise ValueError(f"unknown device {name!r}. Expected one of {', '.join(map(repr, PRESETS))}.")
    return PRESETS[name].device
