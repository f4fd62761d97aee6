"""DELF as a Keras model: dense descriptors, their attention, and the two classifiers that train them.

Noh et al. 2017, Large-Scale Image Retrieval with Attentive Deep Local Features,
https://arxiv.org/abs/1612.06321, section 4; seed 003 builds on it. Training has two stages: first the trunk is
fine-tuned by classifying average-pooled descriptors (`descriptor_stage`), then the attention by classifying
descriptors weighted by it, with the trunk frozen (`attention_stage`). All are views of one set of layers.

`keras` and built-in layers alone: the models run on every Keras backend and load without this package.
"""

import keras

# Filters of the attention's hidden layer (Noh et al. 2017, section 4.2; seed 003).
_ATTENTION_CHANNELS = 512


def build_delf(trunk: keras.Model, num_classes: int) -> keras.Model:
    """DELF on a trunk, with the outputs of both training stages.

    The attention is a 1x1 convolution of 512 filters, ReLU, a 1x1 convolution and softplus. Stage 2 pools
    `(1/N) Σ_n α_n f_n`; equation 1 of the paper has no 1/N, which the classifier's weights absorb: with it the
    learning rate of stage 1 fits stage 2 at every image size (the authors' published code takes the mean too).

    Args:
        trunk: a flat functional model from images [B, H, W, 3] to a feature map [B, h, w, D].
        num_classes: C of the training classes.

    Returns:
        A flat functional model with a dict of outputs, all float32: "descriptors" [B, h, w, D], not normalised;
        "attention" [B, h, w, 1], above 0; and for each training stage the pooled features and logits
        "descriptor_embedding" [B, D], "descriptor_logits" [B, C], "attention_embedding" [B, D],
        "attention_logits" [B, C].

    Raises:
        ValueError: the trunk does not end in a feature map, or there are fewer than 2 classes.
    """
    if len(trunk.outputs) != 1 or len(trunk.output.shape) != 4:
        raise ValueError(f"trunk {trunk.name!r} must put out one feature map [B, h, w, D], got {trunk.output}")
    if num_classes < 2:
        raise ValueError(f"num_classes is {num_classes}; DELF is trained by classification and needs at least 2")
    # Scores and descriptors leave in float32 also under a mixed policy: they are ranked and compared.
    descriptors = keras.layers.Activation("linear", dtype="float32", name="descriptors")(trunk.output)
    hidden = keras.layers.Conv2D(_ATTENTION_CHANNELS, 1, activation="relu", name="attention_hidden")(descriptors)
    # Zeros: stage 2 starts with equal attention everywhere, as stage 1 ended (see `attention_stage`).
    score = keras.layers.Conv2D(1, 1, kernel_initializer="zeros", dtype="float32", name="attention_score")(hidden)
    attention = keras.layers.Activation("softplus", dtype="float32", name="attention")(score)
    weighted = keras.layers.Multiply(dtype="float32", name="attention_weighting")([descriptors, attention])
    outputs = {"descriptors": descriptors, "attention": attention}
    for stage, features in (("descriptor", descriptors), ("attention", weighted)):
        pooled = keras.layers.GlobalAveragePooling2D(dtype="float32", name=f"{stage}_embedding")(features)
        outputs[f"{stage}_embedding"] = pooled
        outputs[f"{stage}_logits"] = keras.layers.Dense(num_classes, dtype="float32", name=f"{stage}_logits")(pooled)
    return keras.Model(trunk.input, outputs, name=f"delf_{trunk.name}")


def descriptor_stage(delf: keras.Model) -> keras.Model:
    """The model of training stage 1: {"embedding": [B, D], "logits": [B, C]} from average-pooled descriptors.

    Args:
        delf: from `build_delf`; the layers are shared with it.
    """
    return _stage(delf, "descriptor")


def attention_stage(delf: keras.Model) -> keras.Model:
    """The model of training stage 2: {"embedding": [B, D], "logits": [B, C]} from attention-weighted descriptors.

    Freezes the trunk, for `delf` too, since the layers are shared: its weights do not train, and its batch
    normalisation uses the stored statistics also in training. The classifier starts as that of stage 1, where the
    authors' starts at random: while a random classifier is wrong about everything, no attention at all is the quickest
    way to a lower loss, and an attention that has gone to 0 gives no gradient to come back (seen with Adam).

    Args:
        delf: from `build_delf`, with the weights that stage 1 found.
    """
    delf.get_layer("attention_logits").set_weights(delf.get_layer("descriptor_logits").get_weights())
    for layer in keras.Model(delf.input, delf.output["descriptors"]).layers:
        layer.trainable = False
    return _stage(delf, "attention")


def extraction_model(delf: keras.Model) -> keras.Model:
    """What extraction runs: images -> {"descriptors": [B, h, w, D], "attention": [B, h, w, 1]}, float32.

    Args:
        delf: from `build_delf`, or the trained model of `attention_stage` (also when loaded from its file).

    Raises:
        ValueError: the model lacks DELF's layers.
    """
    missing = {"descriptors", "attention"} - {layer.name for layer in delf.layers}
    if missing:
        raise ValueError(
            f"model {delf.name!r} has no layer {sorted(missing)[0]!r}; give a DELF model after its attention stage"
        )
    outputs = {name: delf.get_layer(name).output for name in ("descriptors", "attention")}
    return keras.Model(delf.input, outputs, name="delf_extraction")


def _stage(delf: keras.Model, stage: str) -> keras.Model:
    outputs = {name: delf.output[f"{stage}_{name}"] for name in ("embedding", "logits")}
    return keras.Model(delf.input, outputs, name=f"{delf.name}_{stage}_stage")
