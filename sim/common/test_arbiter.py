# SPDX-License-Identifier: Apache-2.0
"""arbiter.v grants one request at a time in a fixed order and loses none."""

import random

import cocotb
import pytest
from cocotb.triggers import ReadOnly, RisingEdge

from sim.needs import needs_simulator
from sim.runner import lint, simulate, simulators
from sim.streams import reset


async def _run(dut, seed: int, ask: float, take: float, cycles: int) -> list[tuple[int, list]]:
    """Offer and take at random; return (client, who asked) of each grant, all checked."""
    count = int(dut.CLIENTS.value)
    generator = random.Random(seed)
    asking = [False] * count
    held = -1  # the client that must stay chosen
    grants = []
    for _ in range(cycles):
        asking = [flag or generator.random() < ask for flag in asking]
        ready = generator.random() < take
        dut.s_valid.value = sum(flag << client for client, flag in enumerate(asking))
        dut.m_ready.value = int(ready)
        await ReadOnly()
        assert bool(dut.m_valid.value) == any(asking)
        taken = int(dut.s_ready.value)
        if any(asking):
            chosen = held if held >= 0 else asking.index(True)
            assert int(dut.m_client.value) == chosen
            assert taken == (1 << chosen if ready else 0)
            held = -1 if ready else chosen
            if ready:
                grants.append((chosen, list(asking)))
                asking[chosen] = False
        else:
            assert taken == 0
        await RisingEdge(dut.clk)
    dut.s_valid.value = 0
    return grants


@cocotb.test()
async def requests_are_granted_in_order(dut) -> None:
    """Rare and constant requests, a sink that always or seldom takes."""
    count = int(dut.CLIENTS.value)
    for seed, (ask, take) in enumerate([(0.2, 1.0), (1.0, 1.0), (0.6, 0.5), (1.0, 0.3)]):
        dut.s_valid.value = 0
        await reset(dut) if seed == 0 else await _again(dut)
        served = {client for client, _ in await _run(dut, seed, ask, take, 400)}
        if ask == take == 1.0:
            assert served == {0}
        if ask < 0.5:
            assert served == set(range(count))


async def _again(dut) -> None:
    """Reset once more: what was chosen last and not taken is forgotten."""
    dut.rst.value = 1
    await RisingEdge(dut.clk)
    dut.rst.value = 0


@cocotb.test()
async def a_wrong_order_is_noticed(dut) -> None:
    """Negative test: with the order reversed the same requests are served otherwise."""
    dut.s_valid.value = 0
    await reset(dut)
    grants = await _run(dut, 9, 0.9, 0.8, 200)
    last = [len(asking) - 1 - asking[::-1].index(True) for _, asking in grants]
    assert [client for client, _ in grants] != last


@needs_simulator
@pytest.mark.parametrize("simulator", simulators())
@pytest.mark.parametrize("clients", [2, 3, 5])
def test_arbiter(clients: int, simulator: str) -> None:
    """Numbers of clients that are powers of two and others."""
    simulate("arbiter", __name__, parameters={"CLIENTS": clients}, simulator=simulator)


@needs_simulator
def test_a_bad_parameter_stops_the_elaboration() -> None:
    assert "bad_parameter" in lint("arbiter", "CLIENTS=1")
