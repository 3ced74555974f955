"""Where one's own phone finds the service."""

from __future__ import annotations

import ipaddress
import re

import cv2
import numpy as np

from cartoon_avatar.cli.own_network import address_in_network, qr_code


def test_the_address_is_one_that_others_reach():
    address = address_in_network()
    if address is not None:  # a machine without a network has none
        assert not ipaddress.ip_address(address).is_loopback


def test_a_camera_reads_the_code_in_the_terminal():
    url = "http://192.168.1.20:8000/"
    rows = []
    for line in re.sub(r"\x1b\[[0-9;]*m", "", qr_code(url)).splitlines():
        # Each character is two modules, one above the other; what is printed is light.
        rows += [[c in "▀█" for c in line], [c in "▄█" for c in line]]
    modules = np.array(rows, np.uint8) * 255
    picture = np.pad(np.kron(modules, np.ones((8, 8), np.uint8)), 40, constant_values=255)
    read, *_ = cv2.QRCodeDetector().detectAndDecode(picture)
    assert read == url
