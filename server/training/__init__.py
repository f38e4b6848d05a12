"""Training of the compact model: loans in, one table of integer points out.

The only door to scikit-learn and interpret-core; both are loaded when a training
run begins and never to score. What leaves this package is a plain
:class:`core.wire.modelfile.Model`, which twenty lines score anywhere.
"""
