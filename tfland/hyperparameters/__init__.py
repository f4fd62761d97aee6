"""Hyper-parameter search: one study of many experiments, shared by any number of processes."""

from tfland.hyperparameters.config import SearchConfig, load_search
from tfland.hyperparameters.study import SearchResult, run_search

__all__ = ["SearchConfig", "SearchResult", "load_search", "run_search"]
