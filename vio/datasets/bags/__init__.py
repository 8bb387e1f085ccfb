# SPDX-License-Identifier: Apache-2.0
"""ROS 1 and ROS 2 bags, read and written without ROS by the library rosbags."""
