"""Getting to know the queue: asked about itself before anything is received, and again until it answers."""

import logging
from collections.abc import Callable, Sequence

from cloudtrail_processing.errors import CloudTrailProcessingError, TransientError
from cloudtrail_processing.letters import concerns
from cloudtrail_processing.ports import BATCH, Clock, Queue, QueueInfo
from cloudtrail_processing.retry import Backoff

logger = logging.getLogger(__name__)


class Introduction:
    """Asks a queue about itself, and tells what an operator should know of it, once."""

    def __init__(
        self,
        queue: Queue,
        *,
        clock: Clock,
        backoff: Backoff,
        copies: bool,
        known: Callable[[QueueInfo], None],
        also: Sequence[str] = (),
    ) -> None:
        """``copies`` is True when rejected messages are sent to a dead-letter queue; ``known`` is called once.

        ``also`` is what else an operator should know; it is told when the first answer shows that work can begin.
        """
        self._queue = queue
        self._clock = clock
        self._backoff = backoff
        self._copies = copies
        self._known = known
        self._also = also
        self._is_over = False

    async def begin(self) -> None:
        """Ask once: what is transient is left to ``repeat``.

        Raises ``ConfigurationError``, as a wrong name or a missing permission should end a worker before it starts.
        """
        try:
            await self._ask()
        except TransientError as error:
            logger.warning(
                "cannot ask the queue about itself yet: %s; one message at a time is received until it answers", error
            )

    async def repeat(self) -> None:
        """Ask until the queue has answered, whatever it says until then: a worker that runs is not ended by it."""
        attempt = 0
        while not self._is_over:
            attempt += 1
            await self._clock.sleep(self._backoff.delay(attempt))
            try:
                await self._ask()
            except CloudTrailProcessingError as error:
                logger.warning("still cannot ask the queue about itself, after %d more tries: %s", attempt, error)

    async def _ask(self) -> None:
        info = await self._queue.info()
        self._is_over = True
        for concern in (*concerns(info, posted=self._copies), *self._also):
            logger.warning("%s", concern)
        self._known(info)


def batch_of(info: QueueInfo) -> int:
    """How many messages to receive at a time.

    On a FIFO queue it is one: a message that fails holds back its group, and whatever had been received along with it
    would be counted as received again and again, until it becomes a dead letter that nobody ever tried.
    """
    return 1 if info.fifo else BATCH
