"""What networks can be asked about hardware; their classes take these verbs up."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ebana._types import Data, LossOrName

if TYPE_CHECKING:
    from ebana.hardware.chip import Chip
    from ebana.hardware.hardware import Hardware
    from ebana.hardware.variation import Variation


class HardwareVerbs:
    """Verbs of a :class:`~ebana.network.Network` that ask what hardware makes of it."""

    def on(self, hardware: Hardware, chip: int | None = None) -> Chip:
        """This network on a chip, or on another chip in every step of training, with values of its own.

        Args:
            hardware: what chips are like, a :class:`~ebana.hardware.Hardware`.
            chip: number of the chip; None for a fresh draw in every step: training that expects any of them.

        Returns:
            A :class:`~ebana.hardware.Chip`, which is trained and evaluated as this network is. Its ``asked`` values
            are those to :meth:`ebana.Model.set_values` here.

        Raises:
            ValueError: for hardware that does not fit the network.
        """
        from ebana.hardware.chip import Chip

        return Chip(self, hardware, chip)  # type: ignore[arg-type]

    def vary(
        self,
        x: Data,
        y: Data = None,
        hardware: Hardware | Mapping[Any, Hardware] | None = None,
        *,
        chips: int | Sequence[int] = 100,
        temperature: float | Sequence[float] | None = None,
        quantity: str = "hardware",
        loss_fn: LossOrName = "mse",
        verbose: bool | None = False,
    ) -> Variation:
        """Accuracy, loss and error of the outputs on many chips.

        Args:
            x, y: data as for :meth:`ebana.Model.evaluate`.
            hardware: what chips are like, a :class:`~ebana.hardware.Hardware`; or several by the value of a quantity,
                ``{0.01: Hardware(Spread(0.01)), 0.05: ...}``, for a sweep over it.
            chips: how many, or the numbers of those that are wanted.
            temperature: of the chips in degrees Celsius; several for corners.
            quantity: what the sweep is over, for tables and pictures.
            loss_fn: a loss or its name.
            verbose: show progress; None where somebody watches.

        Returns:
            A :class:`~ebana.hardware.variation.Variation`: ``accuracy``, ``worst()``, ``to_frame()``, ``plot()``,
            ``netlists()``.

        Raises:
            ValueError: for hardware that does not fit the network, and numbers of chips that are none.

        Example:
            >>> from ebana import recipes
            >>> from ebana.hardware import Hardware, Spread
            >>> recipe = recipes.get("iris")
            >>> model, split = recipe.build(seed=0), recipe.data(seed=0)
            >>> found = model.vary(split.x_test, split.y_test, Hardware(Spread(0.05)), chips=4)
            >>> found.accuracy.shape, found.chips
            ((4,), 4)
        """
        from ebana.hardware.study import vary

        return vary(
            self, x, y, hardware, quantity, chips=chips, temperature=temperature, loss_fn=loss_fn, verbose=verbose,
        )  # fmt: skip
