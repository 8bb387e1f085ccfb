# SPDX-License-Identifier: Apache-2.0
"""Runs over recordings: execution, the run folder, its log and summary, suites and benchmarks."""
