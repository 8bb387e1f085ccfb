# SPDX-License-Identifier: Apache-2.0
"""arbiter.v grants one request at a time, in a fixed order or in turn, and loses none."""

import random

import cocotb
import pytest
from cocotb.triggers import ReadOnly, RisingEdge

from sim.runner import lint, simulate, simulators
from sim.streams import reset

needs_simulator = pytest.mark.skipif(
    not simulators(), reason="no simulator; install one with: pip install 'kestrel-vio[hw]'"
)


def _choose(asking: list[bool], last: int, in_turn: bool) -> int:
    """Return the client that goes first, the plain way."""
    count = len(asking)
    order = [(last + 1 + k) % count for k in range(count)] if in_turn else list(range(count))
    return next(client for client in order if asking[client])


async def _run(dut, seed: int, ask: float, take: float, clocks: int) -> list[tuple[int, int]]:
    """Offer and take at random; return (client, clocks it waited) of each grant, all checked."""
    count, in_turn = int(dut.CLIENTS.value), bool(int(dut.ROUND_ROBIN.value))
    generator = random.Random(seed)
    waiting = [-1] * count  # clocks that each has waited, -1: it asks nothing
    last, held = 0, -1  # the client chosen last; the one that must stay chosen
    grants = []
    for _ in range(clocks):
        for client in range(count):
            if waiting[client] < 0 and generator.random() < ask:
                waiting[client] = 0
        asking = [wait >= 0 for wait in waiting]
        ready = generator.random() < take
        dut.s_valid.value = sum(flag << client for client, flag in enumerate(asking))
        dut.m_ready.value = int(ready)
        await ReadOnly()
        assert bool(dut.m_valid.value) == any(asking)
        taken = int(dut.s_ready.value)
        if any(asking):
            chosen = held if held >= 0 else _choose(asking, last, in_turn)
            assert int(dut.m_client.value) == chosen
            assert taken == (1 << chosen if ready else 0)
            last, held = chosen, -1 if ready else chosen
            if ready:
                grants.append((chosen, waiting[chosen]))
                waiting[chosen] = -1
        else:
            assert taken == 0
        waiting = [wait + 1 if wait >= 0 else wait for wait in waiting]
        await RisingEdge(dut.clk)
    dut.s_valid.value = 0
    return grants


@cocotb.test()
async def requests_are_granted_in_order(dut) -> None:
    """Rare and constant requests, a sink that always or seldom takes; none waits for ever."""
    count, in_turn = int(dut.CLIENTS.value), bool(int(dut.ROUND_ROBIN.value))
    for seed, (ask, take) in enumerate([(0.2, 1.0), (1.0, 1.0), (0.6, 0.5), (1.0, 0.3)]):
        dut.s_valid.value = 0
        await reset(dut) if seed == 0 else await _again(dut)
        grants = await _run(dut, seed, ask, take, 400)
        served = [client for client, _ in grants]
        if in_turn and ask == take == 1.0:
            assert served[:-1] == [(client - 1) % count for client in served[1:]]
            assert max(wait for _, wait in grants) == count - 1
        if not in_turn and ask == take == 1.0:
            assert set(served) == {0}
        if in_turn or ask < 0.5:
            assert set(served) == set(range(count))


async def _again(dut) -> None:
    """Reset once more: what was chosen last and not taken is forgotten."""
    dut.rst.value = 1
    await RisingEdge(dut.clk)
    dut.rst.value = 0


@cocotb.test()
async def a_wrong_order_is_noticed(dut) -> None:
    """The twin: with the other rule the same requests are served otherwise."""
    count, in_turn = int(dut.CLIENTS.value), bool(int(dut.ROUND_ROBIN.value))
    dut.s_valid.value = 0
    await reset(dut)
    grants = await _run(dut, 9, 0.9, 0.8, 200)
    last, other = 0, []
    for client, _ in grants:
        other.append(_choose([True] * count, last, not in_turn))
        last = client
    assert [client for client, _ in grants] != other


@needs_simulator
@pytest.mark.parametrize("simulator", simulators())
@pytest.mark.parametrize(("clients", "round_robin"), [(2, 0), (2, 1), (3, 1), (5, 0), (4, 1)])
def test_arbiter(clients: int, round_robin: int, simulator: str) -> None:
    """Numbers of clients that are powers of two and others, both orders."""
    parameters = {"CLIENTS": clients, "ROUND_ROBIN": round_robin}
    simulate("arbiter", __name__, parameters=parameters, simulator=simulator)


@needs_simulator
def test_a_bad_parameter_stops_the_elaboration() -> None:
    assert "bad_parameter" in lint("arbiter", "ROUND_ROBIN=2")
    assert lint("arbiter", "CLIENTS=1")
