"""Writes a small made-up data set in MedMNIST's layout: 8 x 8 pixels, four classes. Python's standard library alone.

    made_up_data.py FILE.npz

A bright corner tells the class, as far as noise and a share of wrong labels let it. The same bytes every time.
"""
import random
import struct
import sys
import zipfile

SIDE, CLASSES = 8, 4


def npy(shape, values):
    head = f"{{'descr': '|u1', 'fortran_order': False, 'shape': {shape!r}, }}".ljust(117) + "\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(head)) + head.encode() + bytes(values)


draw = random.Random(0)
with zipfile.ZipFile(sys.argv[1], "w") as archive:
    for split, n in [("train", 1000), ("test", 400)]:
        images, labels = [], []
        for _ in range(n):
            corner = draw.randrange(CLASSES)
            for pixel in range(SIDE * SIDE):
                y, x = divmod(pixel, SIDE)
                is_bright = (2 * y // SIDE) * 2 + 2 * x // SIDE == corner
                images.append(draw.randrange(70, 256) if is_bright else draw.randrange(0, 190))
            labels.append(corner if draw.random() < 0.9 else draw.randrange(CLASSES))
        for name, shape, values in [("images", (n, SIDE, SIDE), images), ("labels", (n, 1), labels)]:
            archive.writestr(zipfile.ZipInfo(f"{split}_{name}.npy"), npy(shape, values))
