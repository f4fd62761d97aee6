"""What is due after which step: a pure function of settings and data, so that a resumed run keeps to it."""

from tfland.config import TrainingConfig
from tfland.data.pipeline import steps_at_epoch_end


class Timetable:
    """The stops of a run.

    A period is what one entry of the history covers: an epoch, or `training.validate_every_steps` steps; the run's
    last period may be shorter.

    Args:
        training: the `training` section of an experiment.
        num_records: photographs to train on.

    Attributes:
        num_steps: of the whole run.
        steps_per_epoch: may be a fraction, since batches may span two epochs.
    """

    def __init__(self, training: TrainingConfig, num_records: int) -> None:
        self._training, self._num_records = training, num_records
        self.steps_per_epoch = num_records / training.batch_size
        if training.steps is not None:
            self.num_steps = training.steps
        else:
            self.num_steps = steps_at_epoch_end(num_records, training.batch_size, training.epochs or 1)

    def epoch(self, step: int) -> float:
        """Passes over the photographs after a step: a whole number where an epoch ends, else to four digits."""
        if not self._training.validate_every_steps and self._ends_epoch(step):
            return min(self._epochs(step), self._training.epochs or self._epochs(step))
        return round(step / self.steps_per_epoch, 4)

    def ends_period(self, step: int) -> bool:
        """Whether the history gets an entry after a step."""
        if every := self._training.validate_every_steps:
            return step % every == 0 or step == self.num_steps
        return self._ends_epoch(step) or step == self.num_steps

    def validates(self, step: int) -> bool:
        """Whether the validation photographs are scored after a step, which ends a period."""
        if step == self.num_steps or self._training.validate_every_steps:
            return True
        every = self._training.validate_every_epochs or 1
        return self._epochs(step) // every > self._epochs(step - 1) // every

    def saves(self, step: int) -> bool:
        """Whether a checkpoint is written after a step."""
        return self.ends_period(step) or step % self._training.checkpoint_every_steps == 0

    def judges(self, step: int) -> bool:
        """Whether it is asked after a step if the network learns at all."""
        every = self._training.not_learning_steps
        return bool(every) and step % every == 0

    def next_stop(self, step: int) -> int:
        """The first step after `step` after which anything is due."""
        training = self._training
        period = training.validate_every_steps
        intervals = [n for n in (training.checkpoint_every_steps, training.not_learning_steps, period) if n]
        stops = [(step // interval + 1) * interval for interval in intervals]
        if not period:
            stops.append(steps_at_epoch_end(self._num_records, training.batch_size, self._epochs(step) + 1))
        return min(*stops, self.num_steps)

    def _epochs(self, step: int) -> int:
        return step * self._training.batch_size // self._num_records

    def _ends_epoch(self, step: int) -> bool:
        return self._epochs(step) > self._epochs(step - 1)
