# SPDX-License-Identifier: Apache-2.0
"""Explore settings by accuracy, memory, cycles and energy (docs/evaluate/explore.md).

A module a concern: knobs (what may change), cost (what the models charge), task (one run), store
(what is known), cluster (where runs happen), evaluate (settings to figures), netadapt and sampler
(which settings next), results (front, presets, tables).
"""
