# SPDX-License-Identifier: Apache-2.0
"""report.html: one self-contained file of a run, of several beside each other, or of a table."""
