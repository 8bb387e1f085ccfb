# SPDX-License-Identifier: Apache-2.0
"""Inertial factors that vision contradicts: found by their innovations, then weakened.

The innovation of an inertial factor is its residual of rotation, velocity and position at the
optimised states, normalised by the preintegration's covariance: its square has nine degrees of
freedom, fewer by what the states absorb. A passing disturbance (impact, saturation) or a step of a
bias drives it far beyond what the noise explains, or, where the states absorb most of it, in one
direction for many frames. Such factors are weighted down as by Cauchy's loss, and their biases may
step, so that vision carries the pose until the biases are right again. Robust weights: Barron, "A
general and adaptive robust loss function", CVPR 2019, table 1. Mean and square of innovations:
Bar-Shalom, Li, Kirubarajan, "Estimation with Applications to Tracking and Navigation", 2001, 5.4.
"""

import math

import numpy as np

from vio.backend.window import ImuFactor, Window
from vio.config import BackEndConfig

COMPONENTS = 9
ROUNDS = 3  # of weakening and optimising again, at most
EXPLAINED = 0.25  # of the largest squared innovation may be left where a cause is accepted
EXTRA_ITERATIONS = 3  # beyond the usual ones: the state may have to move far


class InertialGate:
    """Watch the innovations of a window's inertial factors and weaken those beyond the gates.

    A factor is contradicted when its own squared innovation exceeds backend.inertial_gate, or when
    the mean innovation of the newest factors, over about backend.bias_gate_s, exceeds
    backend.bias_gate. Where the inertial data win all the same, because the robust loss limits what
    vision can say against them, it is the newest frame's observations that do not fit: their median
    error exceeds backend.vision_gate. Then a lower gate holds for backend.contradiction_s: what is
    left of a disturbance is found, without touching factors of an undisturbed run.

    The accelerometer is asked first: if free steps of its biases explain the contradiction, they
    stay free in each new factor during that time, because a disturbance that passes steps back, and
    the attitude is the gyroscope's meanwhile. Otherwise the gyroscope is wrong, and the specific
    force is needed to hold the attitude.
    """

    def __init__(self, config: BackEndConfig) -> None:
        self.config = config
        self._until_ns: int | None = None  # end of the time with the lower gate
        self._is_force = False  # the specific force alone explains it
        self.reset()

    def reset(self) -> None:
        """Forget the innovations of the last window; an alarm stays."""
        self._mean = np.zeros(COMPONENTS)
        self._variance: float | None = None  # of each component of the mean
        self._last_ns: int | None = None

    def is_alarmed(self, t_ns: int) -> bool:
        """Return whether a factor was contradicted within backend.contradiction_s before t_ns."""
        return self._until_ns is not None and t_ns < self._until_ns

    def apply(self, window: Window, t_ns: int, misfit: float = 0.0) -> float:
        """Weaken contradicted factors and optimise again; return the largest squared innovation.

        misfit: median error of the newest frame's observations at the optimised states, standard
        deviations. The innovation is that before anything was weakened, but for the newest factor
        during an alarm, divided by its nine components.
        """
        c = self.config
        if not window.factors:
            return 0.0
        if self._is_force and self.is_alarmed(t_ns):
            self._free_force(window, window.factors[-1:])
            window.optimize(c.iterations)
        innovations = [window.innovation(f) for f in window.factors]
        largest = _largest(innovations)
        biased = self._is_biased(innovations[-1], t_ns)
        shows = biased or largest > c.inertial_gate  # in the innovations, as a wrong gyroscope does
        if shows or misfit > c.vision_gate:
            self._raise_alarm(t_ns)
            self._free_force(window, window.factors)
            innovations = self._settled(window)
            self._is_force = not shows or _largest(innovations) < EXPLAINED * largest
            if biased and not self._is_force:
                self._free(window, window.factors)
                innovations = self._settled(window)
        for _ in range(ROUNDS):
            if not self._weaken(window, t_ns, innovations):
                break
            innovations = self._settled(window)
        return largest / COMPONENTS

    def _settled(self, window: Window) -> list[np.ndarray]:
        """Optimise after factors were weakened; return the innovations (9,) of all."""
        window.optimize(self.config.iterations + EXTRA_ITERATIONS)
        return [window.innovation(f) for f in window.factors]

    def _raise_alarm(self, t_ns: int) -> None:
        self._until_ns = t_ns + round(self.config.contradiction_s * 1e9)

    def _free_force(self, window: Window, factors: list[ImuFactor]) -> None:
        """Let the accelerometer's biases of factors step."""
        for factor in factors:
            window.weaken(factor, factor.weight, 0.0, self.config.freed_accel_bias_sigma)

    def _is_biased(self, innovation: np.ndarray, t_ns: int) -> bool:
        """Return whether the innovations have pointed in one direction for too long.

        At even intervals the variance of their weighted mean is a / (2 - a) of theirs. After a long
        interval the mean is nearly that one innovation, with all its variance.
        """
        dt_s = 0.0 if self._last_ns is None else (t_ns - self._last_ns) * 1e-9
        self._last_ns = t_ns
        a = -math.expm1(-dt_s / self.config.bias_gate_s)
        if a <= 0.0:
            return False
        if self._variance is None:
            self._variance = a / (2.0 - a)
        self._mean += a * (innovation - self._mean)
        self._variance += a * (a - (2.0 - a) * self._variance)
        biased = float(self._mean @ self._mean) > self.config.bias_gate * self._variance
        if biased:
            self._mean[:] = 0.0
        return biased

    def _free(self, window: Window, factors: list[ImuFactor], weight: float = 1.0) -> None:
        """Let the biases of factors step, and weight their motion."""
        c = self.config
        for factor in factors:
            weight = min(weight, factor.weight)
            window.weaken(factor, weight, c.freed_gyro_bias_sigma, c.freed_accel_bias_sigma)

    def _weaken(self, window: Window, t_ns: int, innovations: list[np.ndarray]) -> bool:
        """Lower the weights of factors beyond the gate; return whether any was lowered.

        innovations: of the window's factors, (9,) each.
        """
        c = self.config
        squares = [float(v @ v) for v in innovations]
        if max(squares) > c.inertial_gate:
            self._raise_alarm(t_ns)
        gate = c.inertial_gate_low if self.is_alarmed(t_ns) else c.inertial_gate
        lowered = False
        for factor, square in zip(window.factors, squares, strict=True):
            weight = gate / max(square, gate)
            if weight < 0.9 * factor.weight:
                self._free(window, [factor], weight)
                lowered = True
        return lowered


def _largest(innovations: list[np.ndarray]) -> float:
    """Return the largest square of innovations (9,)."""
    return max(float(v @ v) for v in innovations)
