"""Why a network answered as it did: arrays in ``attribution``, ``activations`` and ``neighbours``,
pictures of them in ``figures``.
"""
