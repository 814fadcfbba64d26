"""The public names, each with its home: the one list of them.

The package reads this list at run time and imports a home when its name is first asked for.
"""

from .arguments import check_choice as check_choice
from .arguments import check_count as check_count
from .arguments import check_range as check_range
from .arguments import check_share as check_share
from .arguments import check_sizes as check_sizes
from .arguments import wrong_argument as wrong_argument
from .balancing.aligned_mtl import AlignedGradients as AlignedGradients
from .balancing.cagrad import ConflictAverse as ConflictAverse
from .balancing.dynamic_weight_average import DynamicWeightAverage as DynamicWeightAverage
from .balancing.famo import FastAdaptiveWeights as FastAdaptiveWeights
from .balancing.geometric_mean import GeometricMean as GeometricMean
from .balancing.graddrop import GradientSignDropout as GradientSignDropout
from .balancing.gradient_balancer import GradientBalancer as GradientBalancer
from .balancing.gradnorm import GradientNormalisation as GradientNormalisation
from .balancing.gradvac import GradientVaccine as GradientVaccine
from .balancing.imtl_g import ImpartialGradients as ImpartialGradients
from .balancing.imtl_l import ImpartialLosses as ImpartialLosses
from .balancing.initial_loss import InitialLossWeights as InitialLossWeights
from .balancing.loss_balancer import LossBalancer as LossBalancer
from .balancing.mgda import MultipleGradientDescent as MultipleGradientDescent
from .balancing.nash_mtl import NashBargaining as NashBargaining
from .balancing.pcgrad import ProjectConflicting as ProjectConflicting
from .balancing.random_weights import RandomWeights as RandomWeights
from .balancing.scheduled_weights import ScheduledWeights as ScheduledWeights
from .balancing.static_weights import StaticWeights as StaticWeights
from .balancing.uncertainty import UncertaintyWeights as UncertaintyWeights
from .balancing.upgrad import UnconflictingProjection as UnconflictingProjection
from .config.load import load_experiment as load_experiment
from .data.batches import Batches as Batches
from .data.dataset import Dataset as Dataset
from .data.dataset import DatasetSource as DatasetSource
from .data.sources.behaviour_files import BehaviourFiles as BehaviourFiles
from .data.sources.complete_journey import CompleteJourney as CompleteJourney
from .data.sources.movielens import MovieLens100K as MovieLens100K
from .data.sources.sequence_file import SequenceFile as SequenceFile
from .data.sources.sparse_labels import SparseLabels as SparseLabels
from .data.sources.synthetic_shop import SyntheticShop as SyntheticShop
from .data.sources.tables import Tables as Tables
from .embeddings.embedding_optimizer import EmbeddingOptimizer as EmbeddingOptimizer
from .errors import MtframeworkError as MtframeworkError
from .errors import MtframeworkWarning as MtframeworkWarning
from .evaluation.evaluate import evaluate as evaluate
from .evaluation.promotion import PromotionRule as PromotionRule
from .features.bucketed import Bucketed as Bucketed
from .features.categorical import Categorical as Categorical
from .features.crossed import Crossed as Crossed
from .features.day_of_week import DayOfWeek as DayOfWeek
from .features.feature import Feature as Feature
from .features.hashed import Hashed as Hashed
from .features.normalized import Normalized as Normalized
from .features.numeric import Numeric as Numeric
from .features.pretrained import Pretrained as Pretrained
from .features.recency import Recency as Recency
from .features.time_of_day import TimeOfDay as TimeOfDay
from .features.vector import Vector as Vector
from .metrics.deviance import PoissonDeviance as PoissonDeviance
from .metrics.deviance import TweedieDeviance as TweedieDeviance
from .model.batches import batches_of as batches_of
from .model.model import MultiTaskModel as MultiTaskModel
from .registry import (
    register_dataset as register_dataset,
)
from .registry import (
    register_encoder as register_encoder,
)
from .registry import (
    register_feature as register_feature,
)
from .registry import (
    register_gradient_balancer as register_gradient_balancer,
)
from .registry import (
    register_loss_balancer as register_loss_balancer,
)
from .registry import (
    register_metric as register_metric,
)
from .registry import (
    register_sharing as register_sharing,
)
from .registry import (
    register_task as register_task,
)
from .registry import (
    register_tower as register_tower,
)
from .schema.schema import Column as Column
from .schema.schema import Schema as Schema
from .schema.vocabulary import Vocabulary as Vocabulary
from .serving.export import export as export
from .serving.fusion import Fusion as Fusion
from .serving.recommender import Recommendations as Recommendations
from .serving.recommender import Recommender as Recommender
from .sharing.cgc import CGC as CGC
from .sharing.cross_stitch import CrossStitch as CrossStitch
from .sharing.dense_sharing import DenseSharing as DenseSharing
from .sharing.mmoe import MMoE as MMoE
from .sharing.ple import PLE as PLE
from .sharing.private import PrivateTowers as PrivateTowers
from .sharing.shared_bottom import SharedBottom as SharedBottom
from .sharing.sharing import Sharing as Sharing
from .tasks.categories import Categories as Categories
from .tasks.feedback import BinaryFeedback as BinaryFeedback
from .tasks.ranking import Ranking as Ranking
from .tasks.retrieval import Retrieval as Retrieval
from .tasks.task import Task as Task
from .tasks.task import dense_head as dense_head
from .tasks.task import require_label as require_label
from .towers.base_tower import BaseTower as BaseTower
from .towers.encoders.decayed_mean import DecayedMean as DecayedMean
from .towers.encoders.encoder import Encoder as Encoder
from .towers.encoders.gated_recurrent import GatedRecurrent as GatedRecurrent
from .towers.encoders.hstu import HSTU as HSTU
from .towers.encoders.transformer import Transformer as Transformer
from .towers.history import HistoryTower as HistoryTower
from .towers.sequence import SequenceTower as SequenceTower
from .towers.tied_history import TiedHistoryTower as TiedHistoryTower
from .towers.tower import Tower as Tower
from .training.distribution.distribution import Distribution as Distribution
from .training.early_stopping import EarlyStopping as EarlyStopping
from .training.experiment import Experiment as Experiment
from .training.import_tfrs import import_tfrs as import_tfrs
from .training.run import Run as Run
from .training.run import load_model as load_model
from .training.train import train as train
from .training.warm_start import WarmStart as WarmStart

__version__: str
