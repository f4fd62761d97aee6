"""Installs tfland, delf_verify and tfrecords_builder with their console scripts."""

from setuptools import find_packages, setup

setup(
    name="tfland",
    version="0.1.0",
    description="Landmark recognition from photographs: shards, training, DELF verification, GAP",
    python_requires=">=3.11,<3.14",
    packages=find_packages(include=["tfland*", "delf_verify*", "tfrecords_builder*"]),
    package_data={"delf_verify": ["defaults/*", "templates/*"], "tfland.demo": ["demo.yaml"]},
    install_requires=[
        "tensorflow>=2.20,<2.21",
        "keras>=3.15",
        "keras-hub>=0.32",
        "tf-models-official>=2.20,<2.21",
        "opencv-python-headless>=4.10",
        "scikit-image>=0.26",
        "scikit-learn>=1.9",
        "scipy>=1.15",
        "simplejpeg>=1.9",
        "huggingface-hub>=1.0",
        "safetensors>=0.5",
        "pandas>=2.3",
        "pyarrow>=20",
        "faiss-cpu>=1.12",
        "google-crc32c>=1.7",
        "jinja2>=3.1",
        "matplotlib>=3.10",
        "omegaconf>=2.3",
        "rich>=13",
        "threadpoolctl>=3.5",
        "typer>=0.15",
    ],
    extras_require={
        "beam": ["apache-beam>=2.77"],
        "download": ["aiohttp>=3.12"],
        "serve": ["fastapi>=0.115", "uvicorn>=0.34", "python-multipart>=0.0.20"],
        "tuning": ["optuna>=4.0"],
        "gpu": ["tensorflow[and-cuda]>=2.20,<2.21"],
        "dev": ["aiohttp>=3.12", "pytest>=9", "hypothesis>=6.150", "ruff>=0.17", "mypy>=2.0", "pandas-stubs", "jax"],
    },
    entry_points={
        "console_scripts": [
            "tfland = tfland.cli.main:main",
            "tfland-train = tfland.cli.main:train_main",
        ]
    },
)
