"""Analog networks as estimators of scikit-learn: in pipelines, grid searches and cross-validation.

Features are standardised and become volts; hidden layers are crossbars with diodes and amplifiers between them
(:class:`~ebana.recipes.Recipe`); equilibrium propagation trains them. Models that differ in numbers share one
compiled program: a search over learning rates, strengths, gains or seeds compiles once for each shape.

    classifier    one output pair for each class;  p = softmax(v) with the cross-entropy
    regressor     one output pair for each target;  y = mean + v std / swing
"""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Integral
from typing import TYPE_CHECKING, Any, ClassVar, Self, cast

import numpy as np
from scipy.special import softmax
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.preprocessing import StandardScaler
from sklearn.utils import Tags
from sklearn.utils.metaestimators import available_if
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, check_random_state, validate_data

from ebana.numbers import positive, whole
from ebana.recipes.recipe import Recipe

if TYPE_CHECKING:
    from ebana.model import Model
    from ebana.training.history import History

Array = np.ndarray

LARGEST_SEED = 2**31 - 1


def _is_count(value: Any) -> bool:
    return isinstance(value, Integral) and not isinstance(value, bool) and int(value) > 0


class _AnalogNetwork(BaseEstimator):
    """What both estimators share: arguments, network, training, files.

    After fitting: ``model_`` (the circuit as a :class:`~ebana.Model`), ``history_``, ``recipe_``, ``n_features_in_``,
    ``scaler_``. Pickles hold numbers and settings; the circuit is built again from them.
    """

    output: ClassVar[str] = "y"
    _values: dict[str, Array]  # of a pickle

    def __init__(
        self,
        hidden: int | Sequence[int] = 10,
        *,
        scale: float = 2.0,
        vth: float = 0.3,
        gain: float = 4.0,
        diode: str | None = None,
        loss: str = "cross_entropy",
        relative_step: float = 0.1,
        beta: float | None = 1e-7,
        epochs: int = 200,
        batch_size: int | None = None,
        gradient: str = "centered",
        engine: Any = "native",
        random_state: Any = None,
        verbose: bool = False,
    ) -> None:
        self.hidden = hidden
        self.scale = scale
        self.vth = vth
        self.gain = gain
        self.diode = diode
        self.loss = loss
        self.relative_step = relative_step
        self.beta = beta
        self.epochs = epochs
        self.batch_size = batch_size
        self.gradient = gradient
        self.engine = engine
        self.random_state = random_state
        self.verbose = verbose

    # -- arguments -----------------------------------------------------------------------------------------

    def _check(self) -> None:
        """Refuse arguments that cannot be, at ``fit``, as scikit-learn does."""
        if not self._layers or not all(_is_count(n) for n in self._layers):
            raise ValueError(
                f"hidden={self.hidden!r}. Expected a number of nodes, or one for each hidden layer."
            )
        who = type(self).__name__
        for name in ("scale", "vth", "gain", "relative_step"):
            positive(who, name, getattr(self, name))
        if self.beta is not None:
            positive(who, "beta", self.beta)
        whole(who, "epochs", self.epochs)
        if self.batch_size is not None:
            whole(who, "batch_size", self.batch_size)

    @property
    def _layers(self) -> tuple[Any, ...]:
        return tuple(self.hidden) if isinstance(self.hidden, Sequence) else (self.hidden,)

    # -- building and training -----------------------------------------------------------------------------

    def _recipe(self, features: int, values: int) -> Recipe:
        return Recipe(
            name=type(self).__name__,
            inputs=features,
            outputs={self.output: values},
            hidden=tuple(int(n) for n in self._layers),
            scale=self.scale,
            vth=self.vth,
            gain=self.gain,
            epochs=int(self.epochs),
            batch_size=None if self.batch_size is None else int(self.batch_size),
            loss=self.loss,
            beta=self.beta,
            estimator=self.gradient,  # type: ignore[arg-type]
        )

    def _build(self) -> Model:
        from ebana.devices import JunctionDiode

        device = None if self.diode is None else {"model": JunctionDiode.named(self.diode)}
        return self.recipe_.build(self.seed_, self.engine, device)

    def _train(self, x: Array, targets: Array) -> None:
        """Build the network for data and train it."""
        from ebana.learning import optimizers

        self.scaler_ = StandardScaler().fit(x)
        self.seed_ = int(check_random_state(self.random_state).randint(LARGEST_SEED))
        self.recipe_ = self._recipe(x.shape[1], targets.shape[1])
        model = self._build()
        mean = np.mean(np.concatenate([model.values[name].ravel() for name in model.circuit.trainable]))
        adam = optimizers.Adam(lr=self.relative_step * float(mean), schedule="cosine")
        options: dict[str, Any] = {**self.recipe_.fit_options(self.seed_), "optimizer": adam}
        model.fit(self._volts(x), {self.output: targets}, verbose=bool(self.verbose), **options)
        self.n_iter_ = int(self.epochs)
        self._model = model

    @property
    def model_(self) -> Model:
        """The trained circuit."""
        check_is_fitted(self, "recipe_")
        if "_model" not in vars(self):  # from a pickle
            self._model = self._build()
            self._model.set_values(self._values)
        return self._model

    @property
    def history_(self) -> History:
        """The record of the training."""
        return self.model_.history

    def to_volts(self, X: Any) -> Array:
        """Features as the inputs of the circuit, ``(n, features)``, volts: for the verbs of ``model_``."""
        check_is_fitted(self, "recipe_")
        return self._volts(cast(Array, validate_data(self, X, dtype=np.float64, reset=False)))

    def _volts(self, x: Array) -> Array:
        return self.scale * np.asarray(self.scaler_.transform(x))

    def _outputs(self, X: Any) -> Array:
        """Volts of the outputs, ``(n, values)``."""
        return np.asarray(self.model_.predict(self.to_volts(X)))

    # -- pickles -------------------------------------------------------------------------------------------

    def __getstate__(self) -> dict[str, Any]:
        """The settings and numbers, without the compiled circuit."""
        state: dict[str, Any] = dict(cast(dict[str, Any], super().__getstate__()))
        if (model := state.pop("_model", None)) is not None:
            state["_values"] = {name: np.asarray(value) for name, value in model.values.items()}
        return state

    def __sklearn_is_fitted__(self) -> bool:
        return "recipe_" in vars(self)


class EbanaClassifier(ClassifierMixin, _AnalogNetwork):
    """An analog network that classifies, trained by equilibrium propagation.

    Args:
        hidden: nodes of the hidden layer, or of each.
        scale: volts of one standard deviation of a feature.
        vth: threshold of the behavioural diodes that limit hidden nodes, volts.
        gain: of the amplifiers behind them, V/V.
        diode: name of a real diode in their place, such as ``"1N4148"``.
        loss: ``"cross_entropy"``, ``"mse"`` or another of :mod:`ebana.losses`.
        relative_step: learning rate of Adam, as a share of the mean conductance.
        beta: nudging strength, siemens (watts for the cross-entropy); None for the model's default.
        epochs, batch_size: of the training; all samples at once if ``batch_size`` is None.
        gradient: the gradient estimator, such as ``"centered"`` or ``"adjoint"``.
        engine: who finds operating points.
        random_state: of the conductances to start from and of the order of samples.
        verbose: whether progress is shown.

    Attributes:
        classes_: the labels, ``(classes,)``.
        model_: the circuit, an :class:`ebana.Model`: netlist, power, chips.
        history_: the record of the training.

    Example:
        >>> from sklearn.datasets import load_iris
        >>> from sklearn.model_selection import cross_val_score
        >>> x, y = load_iris(return_X_y=True)
        >>> scores = cross_val_score(EbanaClassifier(epochs=50, random_state=0), x, y, cv=3)
        >>> bool(scores.mean() > 0.85)
        True
    """

    output: ClassVar[str] = "class"

    def fit(self, X: Any, y: Any) -> Self:
        """Train on features ``(n, features)`` and labels ``(n,)``.

        Raises:
            ValueError: for arguments or data that cannot be, and for labels of one class.
        """
        self._check()
        x, y = cast(tuple[Array, Array], validate_data(self, X, y, dtype=np.float64))
        check_classification_targets(y)
        self.classes_, labels = np.unique(y, return_inverse=True)
        if len(self.classes_) < 2:
            raise ValueError(
                f"EbanaClassifier got 1 class, {self.classes_[0]!r}. Expected samples of two classes at least."
            )
        self._train(x, np.eye(len(self.classes_))[labels])
        return self

    def decision_function(self, X: Any) -> Array:
        """Volts of the output of each class, ``(n, classes)``; of two classes the second's less the first's."""
        v = self._outputs(X)
        return v[:, 1] - v[:, 0] if len(self.classes_) == 2 else v

    def predict(self, X: Any) -> Array:
        """The label whose output is largest, ``(n,)``."""
        check_is_fitted(self, "recipe_")
        return self.classes_[self._outputs(X).argmax(1)]

    def _has_probabilities(self) -> bool:
        if self.loss != "cross_entropy":
            raise AttributeError(
                f"predict_proba needs loss='cross_entropy', whose softmax gives probabilities; it is {self.loss!r}."
            )
        return True

    @available_if(_has_probabilities)
    def predict_proba(self, X: Any) -> Array:
        """Softmax of the outputs' volts, ``(n, classes)``."""
        return softmax(self._outputs(X), axis=1)

    @available_if(_has_probabilities)
    def predict_log_proba(self, X: Any) -> Array:
        """Logarithms of :meth:`predict_proba`."""
        return np.log(self.predict_proba(X))


class EbanaRegressor(RegressorMixin, _AnalogNetwork):
    """An analog network whose output voltages are numbers, trained by equilibrium propagation.

    Args:
        hidden, scale, vth, gain, diode, relative_step, beta: as for :class:`EbanaClassifier`.
        epochs, batch_size, gradient, engine, random_state, verbose: as there.
        loss: ``"mse"``.
        swing: volts of one standard deviation of a target.

    Attributes:
        model_: the circuit, an :class:`ebana.Model`.
        history_: the record of the training.

    Example:
        >>> from sklearn.datasets import load_diabetes
        >>> x, y = load_diabetes(return_X_y=True)
        >>> bool(EbanaRegressor(epochs=100, random_state=0).fit(x, y).score(x, y) > 0.4)
        True
    """

    output: ClassVar[str] = "y"

    def __init__(
        self,
        hidden: int | Sequence[int] = 10,
        *,
        scale: float = 2.0,
        vth: float = 0.3,
        gain: float = 4.0,
        diode: str | None = None,
        loss: str = "mse",
        swing: float = 0.5,
        relative_step: float = 0.1,
        beta: float | None = 1e-7,
        epochs: int = 200,
        batch_size: int | None = None,
        gradient: str = "centered",
        engine: Any = "native",
        random_state: Any = None,
        verbose: bool = False,
    ) -> None:
        super().__init__(
            hidden, scale=scale, vth=vth, gain=gain, diode=diode, loss=loss, relative_step=relative_step, beta=beta,
            epochs=epochs, batch_size=batch_size, gradient=gradient, engine=engine, random_state=random_state,
            verbose=verbose,
        )  # fmt: skip
        self.swing = swing

    def fit(self, X: Any, y: Any) -> Self:
        """Train on features ``(n, features)`` and targets ``(n,)`` or ``(n, targets)``.

        Raises:
            ValueError: for arguments or data that cannot be.
        """
        self._check()
        positive(type(self).__name__, "swing", self.swing)
        checked = validate_data(self, X, y, dtype=np.float64, multi_output=True, y_numeric=True)
        x, y = cast(tuple[Array, Array], checked)
        self._columns = y.shape[1:]
        y = y.reshape(len(y), -1)
        self.target_scaler_ = StandardScaler().fit(y)
        self._train(x, self.swing * np.asarray(self.target_scaler_.transform(y)))
        return self

    def __sklearn_tags__(self) -> Tags:
        """Several targets are learned at once."""
        tags = super().__sklearn_tags__()
        tags.target_tags.single_output = True
        tags.target_tags.multi_output = True
        return tags

    def predict(self, X: Any) -> Array:
        """Targets, ``(n,)`` or ``(n, targets)``."""
        v = self._outputs(X) / self.swing
        return np.asarray(self.target_scaler_.inverse_transform(v)).reshape(len(v), *self._columns)
