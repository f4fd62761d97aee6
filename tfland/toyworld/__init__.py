"""The embedded data set: photographs of invented landmarks in the Google-Landmarks-v2 layout.

Buildings are simple solids with procedural facades, photographed by a pinhole camera; no file is needed and no
network. Every image is a pure function of the configuration, the split and its number.
"""

from tfland.toyworld.config import ToyworldConfig as ToyworldConfig
from tfland.toyworld.generate import generate as generate
