# SPDX-License-Identifier: Apache-2.0
"""The register map, the files generated from it, and the driver that computes its values."""
