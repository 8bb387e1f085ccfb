# SPDX-License-Identifier: Apache-2.0
"""The inertial front end in float32, operation by operation as in hls/imu.x.

Same mathematics as vio/imu.py (hls/imu.x says by which identities it is shortened), in the rules of
vio/float32/float.py and in an order of operations that is part of the definition: the compiled
hardware gives the same bits. Products and sums of three are taken from left to right.
"""

from collections.abc import Callable

import numpy as np
from numba import njit

from vio.float32.float import add, mul, sub
from vio.imu import ImuNoise, Preintegration

STATE_WORDS, SETUP_WORDS, SAMPLE_WORDS = 105, 8, 7

# Where the parts of a state begin: dR, dv, dp, the Jacobians of r, v, v, p, p by the biases of
# gyro, gyro, accel, gyro, accel, and the blocks rr, rv, rp, vv, vp, pp of the covariance.
_DR, _DV, _DP = 0, 9, 12
_J_R_GYRO, _J_V_GYRO, _J_V_ACCEL, _J_P_GYRO, _J_P_ACCEL = 15, 24, 33, 42, 51
_P_RR, _P_RV, _P_RP, _P_VV, _P_VP, _P_PP = 60, 66, 75, 84, 90, 99
_ROW = (0, 0, 0, 1, 1, 2)  # of an entry of a symmetric block
_COLUMN = (0, 1, 2, 1, 2, 2)

# Minimax polynomials in t^2 for t <= pi/2; see `_trigonometry`.
_A1, _A2, _A3, _A4 = (
    np.float32(x)
    for x in (
        -0.16666661202907562,
        0.008333103731274605,
        -0.0001981209934456274,
        2.610877118058852e-06,
    )
)
_B1, _B2, _B3, _B4 = (
    np.float32(x)
    for x in (
        -0.0416666604578495,
        0.0013888654066249728,
        -2.4773999030003324e-05,
        2.6275233722117264e-07,
    )
)
_C0, _C1, _C2, _C3 = (
    np.float32(x)
    for x in (
        0.1666666716337204,
        -0.00833328627049923,
        0.00019826502830255777,
        -2.6437148790137144e-06,
    )
)
_ONE, _HALF = np.float32(1.0), np.float32(0.5)

Integrate = Callable[[np.ndarray, np.ndarray], np.ndarray]


def start() -> np.ndarray:
    """Return the state (105,) at a reset: nothing summed up."""
    state = np.zeros(STATE_WORDS, np.float32)
    state[[0, 4, 8]] = 1.0
    return state


@njit(cache=True)
def _dot(a: np.ndarray, b: np.ndarray) -> np.float32:
    return add(add(mul(a[0], b[0]), mul(a[1], b[1])), mul(a[2], b[2]))


@njit(cache=True)
def _times_transposed(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Return a b'."""
    out = np.empty((3, 3), np.float32)
    for i in range(3):
        for j in range(3):
            out[i, j] = _dot(a[i], b[j])
    return out


@njit(cache=True)
def _subtract(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    out = np.empty((3, 3), np.float32)
    for i in range(3):
        for j in range(3):
            out[i, j] = sub(a[i, j], b[i, j])
    return out


@njit(cache=True)
def _moved(p: np.ndarray, h: np.float32, v: np.ndarray, v_new: np.ndarray) -> np.ndarray:
    """Return p + h (v + v'), the trapezoid."""
    out = np.empty((3, 3), np.float32)
    for i in range(3):
        for j in range(3):
            out[i, j] = add(p[i, j], mul(h, add(v[i, j], v_new[i, j])))
    return out


@njit(cache=True)
def _full(s: np.ndarray) -> np.ndarray:
    """Return the (3, 3) matrix of an upper triangle (6,)."""
    out = np.empty((3, 3), np.float32)
    for k in range(6):
        out[_ROW[k], _COLUMN[k]] = s[k]
        out[_COLUMN[k], _ROW[k]] = s[k]
    return out


@njit(cache=True)
def _trigonometry(x: np.float32) -> tuple[np.float32, np.float32, np.float32]:
    """Return sin(t)/t, (1 - cos t)/t^2, (t - sin t)/t^3 of x = t^2, for t <= pi/2.

    Errors below 6e-9, 6e-10, 1e-8 before rounding.
    """
    xx = mul(x, x)
    a = add(add(_ONE, mul(_A1, x)), mul(xx, add(add(_A2, mul(_A3, x)), mul(_A4, xx))))
    b = add(add(_HALF, mul(_B1, x)), mul(xx, add(add(_B2, mul(_B3, x)), mul(_B4, xx))))
    c = add(add(_C0, mul(_C1, x)), mul(xx, add(_C2, mul(_C3, x))))
    return a, b, c


@njit(cache=True)
def _rotation_series(
    d: np.float32,
    s: np.float32,
    q: np.float32,
    phi: np.ndarray,
    squares: np.ndarray,
    products: np.ndarray,
) -> np.ndarray:
    """Return d I + s hat(phi) + q hat(phi)^2.

    squares: yy + zz, xx + zz, xx + yy; products: xy, xz, yz, of phi's components.
    """
    out = np.empty((3, 3), np.float32)
    for i in range(3):
        out[i, i] = sub(d, mul(q, squares[i]))
    k0, k1, k2 = mul(s, phi[0]), mul(s, phi[1]), mul(s, phi[2])
    m0, m1, m2 = mul(q, products[0]), mul(q, products[1]), mul(q, products[2])
    out[0, 1], out[1, 0] = sub(m0, k2), add(m0, k2)
    out[0, 2], out[2, 0] = add(m1, k1), sub(m1, k1)
    out[1, 2], out[2, 1] = sub(m2, k0), add(m2, k0)
    return out


@njit(cache=True)
def _times_hat(m: np.ndarray, v: np.ndarray) -> np.ndarray:
    """Return m hat(v)."""
    out = np.empty((3, 3), np.float32)
    for i in range(3):
        out[i, 0] = sub(mul(m[i, 1], v[2]), mul(m[i, 2], v[1]))
        out[i, 1] = sub(mul(m[i, 2], v[0]), mul(m[i, 0], v[2]))
        out[i, 2] = sub(mul(m[i, 0], v[1]), mul(m[i, 1], v[0]))
    return out


@njit(cache=True)
def step(state: np.ndarray, setup: np.ndarray, sample: np.ndarray) -> np.ndarray:
    """Return the state (105,) after one more sample; all float32.

    setup: (8,) gyro bias, accel bias, squared densities of gyro and accel noise. sample: (7,) dt,
    gyro, accel. Right to rounding while |gyro - bias| dt / 2 <= pi/2. Beyond, the polynomials leave
    the functions and dR the rotations: by 1e-5 at 2 rad, 5e-3 at pi, without bound further out.
    """
    dR = state[_DR : _DR + 9].reshape(3, 3)
    dv, dp = state[_DV : _DV + 3], state[_DP : _DP + 3]
    J_r_gyro = state[_J_R_GYRO : _J_R_GYRO + 9].reshape(3, 3)
    J_v_gyro = state[_J_V_GYRO : _J_V_GYRO + 9].reshape(3, 3)
    J_v_accel = state[_J_V_ACCEL : _J_V_ACCEL + 9].reshape(3, 3)
    J_p_gyro = state[_J_P_GYRO : _J_P_GYRO + 9].reshape(3, 3)
    J_p_accel = state[_J_P_ACCEL : _J_P_ACCEL + 9].reshape(3, 3)
    P_rr = _full(state[_P_RR : _P_RR + 6])
    P_vr = state[_P_RV : _P_RV + 9].reshape(3, 3).T.copy()
    P_pr = state[_P_RP : _P_RP + 9].reshape(3, 3).T.copy()
    P_vv = _full(state[_P_VV : _P_VV + 6])
    P_vp = state[_P_VP : _P_VP + 9].reshape(3, 3)
    new = np.empty_like(state)

    dt = sample[0]
    h = mul(_HALF, dt)
    phi, accel = np.empty(3, np.float32), np.empty(3, np.float32)
    for i in range(3):
        phi[i] = mul(h, sub(sample[1 + i], setup[i]))
        accel[i] = sub(sample[4 + i], setup[3 + i])

    # Rotation over half the interval, E, and over all of it, E2.
    squares, products = np.empty(3, np.float32), np.empty(3, np.float32)
    xx, yy, zz = mul(phi[0], phi[0]), mul(phi[1], phi[1]), mul(phi[2], phi[2])
    squares[0], squares[1], squares[2] = add(yy, zz), add(xx, zz), add(xx, yy)
    products[0], products[1] = mul(phi[0], phi[1]), mul(phi[0], phi[2])
    products[2] = mul(phi[1], phi[2])
    t2 = add(squares[2], zz)
    a, b, c = _trigonometry(t2)
    E = _rotation_series(_ONE, a, b, phi, squares, products)
    a_cos, aa = mul(a, sub(_ONE, mul(b, t2))), mul(a, a)
    E2 = _rotation_series(_ONE, add(a_cos, a_cos), add(aa, aa), phi, squares, products)
    E2t = E2.T.copy()
    hJl = _rotation_series(h, mul(h, b), mul(h, c), phi, squares, products)  # h Jr'

    # Mean: dt E a once, in the frame of the interval's beginning.
    Et = E.T.copy()
    R_mid = _times_transposed(dR, Et)
    new[_DR : _DR + 9] = _times_transposed(R_mid, Et).ravel()
    velocity = np.empty(3, np.float32)
    for i in range(3):
        velocity[i] = mul(dt, _dot(E[i], accel))
    for i in range(3):
        new[_DV + i] = add(dv[i], _dot(dR[i], velocity))
        new[_DP + i] = add(dp[i], mul(h, add(dv[i], new[_DV + i])))
    D = _times_hat(dR, velocity)  # v' = v - D r

    # Bias Jacobians; J_mid is E times the one at the middle.
    J_mid_t = _subtract(J_r_gyro, hJl).T.copy()
    J_v_gyro_new = _subtract(J_v_gyro, _times_transposed(D, J_mid_t))
    J_v_accel_new = np.empty((3, 3), np.float32)
    for i in range(3):
        for j in range(3):
            J_v_accel_new[i, j] = sub(J_v_accel[i, j], mul(dt, R_mid[i, j]))
    J_r_new = _subtract(_times_transposed(E2t, J_mid_t), hJl.T)
    new[_J_R_GYRO : _J_R_GYRO + 9] = J_r_new.ravel()
    new[_J_V_GYRO : _J_V_GYRO + 9] = J_v_gyro_new.ravel()
    new[_J_V_ACCEL : _J_V_ACCEL + 9] = J_v_accel_new.ravel()
    new[_J_P_GYRO : _J_P_GYRO + 9] = _moved(J_p_gyro, h, J_v_gyro, J_v_gyro_new).ravel()
    new[_J_P_ACCEL : _J_P_ACCEL + 9] = _moved(J_p_accel, h, J_v_accel, J_v_accel_new).ravel()

    # Covariance of v' and p' with the old rotation error; C_v_x = cov(v', x).
    C_v_r = _subtract(P_vr, _times_transposed(D, P_rr))
    C_p_r = _moved(P_pr, h, P_vr, C_v_r)
    C_v_v = _subtract(P_vv, _times_transposed(D, P_vr))
    C_v_p = _subtract(P_vp, _times_transposed(D, P_pr))
    noise = mul(setup[7], dt)
    for k in range(6):
        i, j = _ROW[k], _COLUMN[k]
        value = sub(C_v_v[i, j], _dot(C_v_r[i], D[j]))
        new[_P_VV + k] = add(value, noise) if i == j else value
    P_vp_new = _moved(C_v_p, h, C_v_v, _full(new[_P_VV : _P_VV + 6]))
    new[_P_VP : _P_VP + 9] = P_vp_new.ravel()
    for k in range(6):
        i, j = _ROW[k], _COLUMN[k]
        old = add(add(P_vp[i, j], C_v_p[i, j]), P_vp[j, i])
        twice = mul(h, add(P_vv[i, j], C_v_v[i, j]))
        total = add(add(old, twice), P_vp_new[j, i])
        new[_P_PP + k] = add(state[_P_PP + k], mul(h, total))

    # The rotation error rotated, and the gyroscope's noise: Jr Jr' density^2 dt.
    rotated = _times_transposed(E2t, P_rr)
    q = mul(setup[6], dt)
    g = sub(sub(add(c, c), mul(b, b)), mul(mul(c, c), t2))
    qg = mul(q, g)
    for k in range(6):
        i, j = _ROW[k], _COLUMN[k]
        F = sub(q, mul(qg, squares[i])) if i == j else mul(qg, products[i + j - 1])
        new[_P_RR + k] = add(_dot(rotated[i], E2t[j]), F)
    new[_P_RV : _P_RV + 9] = _times_transposed(E2t, C_v_r).ravel()
    new[_P_RP : _P_RP + 9] = _times_transposed(E2t, C_p_r).ravel()
    return new


@njit(cache=True)
def steps(state: np.ndarray, setup: np.ndarray, samples: np.ndarray) -> np.ndarray:
    """Return the state (105,) after samples (N, 7); see `step`."""
    for k in range(len(samples)):
        state = step(state, setup, samples[k])
    return state


def integrate(setup: np.ndarray, samples: np.ndarray) -> np.ndarray:
    """Return the state (105,) after a reset with `setup` (8,) and samples (N, 7)."""
    return steps(start(), setup, samples)


def words(
    dt_s: np.ndarray,
    gyro_rad_s: np.ndarray,
    accel_m_s2: np.ndarray,
    gyro_bias: np.ndarray,
    accel_bias: np.ndarray,
    noise: ImuNoise,
) -> tuple[np.ndarray, np.ndarray]:
    """Return setup (8,) and samples (N, 7) as float32, of the arguments of `imu.preintegrate`."""
    densities = [noise.gyro_noise * noise.gyro_noise, noise.accel_noise * noise.accel_noise]
    setup = np.concatenate([gyro_bias, accel_bias, densities]).astype(np.float32)
    samples = np.column_stack([dt_s, gyro_rad_s, accel_m_s2]).astype(np.float32)
    return setup, np.ascontiguousarray(samples)


def preintegrate(
    dt_s: np.ndarray,
    gyro_rad_s: np.ndarray,
    accel_m_s2: np.ndarray,
    gyro_bias: np.ndarray,
    accel_bias: np.ndarray,
    noise: ImuNoise,
    dtype: type[np.floating] = np.float64,
    integrate: Integrate = integrate,
) -> Preintegration:
    """Preintegrate N intervals in float32; arguments and result as in `vio.imu.preintegrate`.

    dtype: of the result's arrays. integrate: what sums up, this file's or the hardware.
    """
    setup, samples = words(dt_s, gyro_rad_s, accel_m_s2, gyro_bias, accel_bias, noise)
    state = integrate(setup, samples).astype(dtype)
    J, P = np.zeros((9, 6), dtype), np.zeros((9, 9), dtype)
    blocks = [state[k : k + 9].reshape(3, 3) for k in range(_J_R_GYRO, _P_RR, 9)]
    J[0:3, 0:3], J[3:6, 0:3], J[3:6, 3:6], J[6:9, 0:3], J[6:9, 3:6] = blocks
    P[0:3, 3:6] = state[_P_RV:_P_RP].reshape(3, 3)
    P[0:3, 6:9] = state[_P_RP:_P_VV].reshape(3, 3)
    P[3:6, 6:9] = state[_P_VP:_P_PP].reshape(3, 3)
    P += P.T
    for first, k in ((0, _P_RR), (3, _P_VV), (6, _P_PP)):
        P[first + np.array(_ROW), first + np.array(_COLUMN)] = state[k : k + 6]
        P[first + np.array(_COLUMN), first + np.array(_ROW)] = state[k : k + 6]
    return Preintegration(
        float(dt_s.sum()),
        state[_DR:_DV].reshape(3, 3).copy(),
        state[_DV:_DP].copy(),
        state[_DP:_J_R_GYRO].copy(),
        J,
        P,
        setup[0:3].astype(dtype),
        setup[3:6].astype(dtype),
    )
