"""GitOps for fine-tuned models.

One pass compares what Git declares with what the provider holds, and closes the distance::

    specs/*.yaml, data/*.jsonl
      load     -> documents and dataset facts, every problem with file:line:column
      resolve  -> desired state: defaults filled, references resolved, run keys          (pure)
      observe  -> observed state: files, jobs, models, taken at one time
      diff     -> differences, field by field; deepdiff words them                       (pure)
      plan     -> ordered actions, each with its reason and its estimate                 (pure)
      review   -> policy: refuses, holds, never adds                                     (pure)
      apply    -> one outcome an action
      report   -> text, Markdown, JSON, annotations                                      (pure)

Read ``reconciler/engine/passes.py`` first: it is that list, and nothing else.
"""

__all__ = ["__version__"]

__version__ = "0.1.0"
