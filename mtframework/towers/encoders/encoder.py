"""The contract of an encoder: events in, at each of them what is known by then out."""

from mtframework.part import Part


class Encoder(Part):
    """Reads packed histories, and says after each event what is known of its query. Abstract.

    Many histories stand one after another in one tensor of events. What comes out at an event
    depends on that event and those before it in its own history, and on nothing else: not on what
    stands beside it in the batch, nor on how the histories are packed.

    To write one, subclass it, give the constructor a closed signature that passes `name` on, make
    the weights in `build`, and implement `call`. Attention is best written with
    `mtframework.towers.encoders.blocks`.

    Args:
        name: The layer's name.
        dtype: The dtype policy that it computes under; None for Keras's global one.

    Attributes:
        reads_times: Whether it needs the times of the events.

    Example:

    >>> class LastEvent(Encoder):
    ...     "Knows the last event alone."
    ...
    ...     def call(self, events, starts, times=None, training=None):
    ...         return events
    >>> encoder = LastEvent()
    >>> encoder.build(dim=2, max_length=5)
    >>> tuple(encoder(np.ones((3, 2), "float32"), np.zeros(3, "int32")).shape)
    (3, 2)
    """

    reads_times = False

    def build(self, dim: int, max_length: int) -> None:
        """Makes the weights.

        Args:
            dim: The size of an event's vector, and of what comes out.
            max_length: How many events a history has at most.
        """

    def call(self, events, starts, times=None, training=None):
        """Returns what is known after each event, `[num_events, dim]`.

        Args:
            events: `[num_events, dim]`, history after history, each in the order of time.
            starts: The place of the first event of each one's history: `[num_events]` int32.
            times: Seconds since 1970, `[num_events]` int32, where it has `reads_times`.
            training: Whether it is part of a training step.
        """
        raise NotImplementedError(f"{type(self).__name__} has no call().")
