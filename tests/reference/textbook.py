"""The chapter's networks and update rules in plain float64, one function a formula.

Written from the formulas and sharing no code with the engine: parameters are a dictionary of arrays ("W1",
"b1", "W2", ...), layers are a loop, nothing is done in place.
"""

import numpy as np

# --- Section 5.6: the affine layer ---------------------------------------------------------------------------


def affine(x, weights, biases):
    return x @ weights + biases


def affine_slopes(upstream, x, weights):
    """Return the gradients with respect to x, weights and biases."""
    return upstream @ weights.T, x.T @ upstream, upstream.sum(axis=0)


# --- Section 6.2: activations and their derivatives ----------------------------------------------------------


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def sigmoid_slope(z):
    return sigmoid(z) * (1 - sigmoid(z))


def tanh(z):
    return (np.exp(z) - np.exp(-z)) / (np.exp(z) + np.exp(-z))


def tanh_slope(z):
    return 1 - tanh(z) ** 2


def relu(z):
    return np.where(z > 0, z, 0.0)


def relu_slope(z):
    return np.where(z > 0, 1.0, 0.0)


# --- Activations since: the papers are named in the engine ---------------------------------------------------


def centred_sigmoid(z):
    return 2 * sigmoid(z) - 1


def centred_sigmoid_slope(z):
    return 2 * sigmoid_slope(z)


def leaky_relu(z, slope=0.01):
    return np.where(z > 0, z, slope * z)


def leaky_relu_slope(z, slope=0.01):
    return np.where(z > 0, 1.0, slope)


def elu(z, alpha=1.0):
    return np.where(z > 0, z, alpha * (np.exp(z) - 1))


def elu_slope(z, alpha=1.0):
    return np.where(z > 0, 1.0, alpha * np.exp(z))


LAMBDA, ALPHA = 1.0507009873554805, 1.6732632423543772  # of SELU


def selu(z):
    return LAMBDA * elu(z, ALPHA)


def selu_slope(z):
    return LAMBDA * elu_slope(z, ALPHA)


def gelu(z):
    """The paper's approximation, z (1 + tanh(u)) / 2, which is z sigmoid(2 u)."""
    return z * sigmoid(2 * np.sqrt(2 / np.pi) * (z + 0.044715 * z**3))


def gelu_slope(z):
    u = 2 * np.sqrt(2 / np.pi) * (z + 0.044715 * z**3)
    return sigmoid(u) + z * sigmoid_slope(u) * 2 * np.sqrt(2 / np.pi) * (1 + 3 * 0.044715 * z**2)


def swish(z):
    return z * sigmoid(z)


def swish_slope(z):
    return sigmoid(z) + z * sigmoid_slope(z)


OF_THE_CHAPTER = {
    "sigmoid": (sigmoid, sigmoid_slope),
    "tanh": (tanh, tanh_slope),
    "relu": (relu, relu_slope),
}
LATER = {
    "leaky_relu": (leaky_relu, leaky_relu_slope),
    "elu": (elu, elu_slope),
    "selu": (selu, selu_slope),
    "centred_sigmoid": (centred_sigmoid, centred_sigmoid_slope),
    "gelu": (gelu, gelu_slope),
    "swish": (swish, swish_slope),
}
ACTIVATIONS = OF_THE_CHAPTER | LATER

# --- Section 4.2 and 3.5: softmax and cross-entropy ----------------------------------------------------------


def softmax(logits):
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


def one_hot(labels, classes):
    return np.eye(classes)[labels]


def cross_entropy(logits, labels):
    """Return the mean over the batch of -log softmax(logits)[label]."""
    targets = one_hot(labels, logits.shape[1])
    return -np.sum(targets * np.log(softmax(logits))) / len(labels)


def cross_entropy_slope(logits, labels):
    return (softmax(logits) - one_hot(labels, logits.shape[1])) / len(labels)


# --- Section 6.2: initial weights from standard-normal draws -------------------------------------------------


def zeros(draw):
    return np.zeros(draw.shape)


def constant(draw, value=0.5):
    return np.full(draw.shape, value)


def normal(draw, std=0.01):
    return std * draw


def xavier(draw):
    return draw / np.sqrt(draw.shape[0])


def he(draw):
    return draw * np.sqrt(2 / draw.shape[0])


INITIALIZERS = {"zeros": zeros, "constant": constant, "normal": normal, "xavier": xavier, "he": he}

# --- Section 6.4.2: penalties on one weight matrix -----------------------------------------------------------


def l2(weights, strength=0.1):
    return strength / 2 * np.sum(weights**2)


def l2_slope(weights, strength=0.1):
    return strength * weights


def l1(weights, strength=1e-3):
    return strength * np.sum(np.abs(weights))


def l1_slope(weights, strength=1e-3):
    return strength * np.sign(weights)


PENALTIES = {"l2": (l2, l2_slope), "l1": (l1, l1_slope)}

# --- Section 6.1: update rules; state is a dictionary that each rule keeps for itself, empty at first --------


def sgd(weights, gradients, state, learning_rate=0.01):  # noqa: ARG001  # rules share a signature
    for name in weights:
        weights[name] = weights[name] - learning_rate * gradients[name]


def momentum(weights, gradients, state, learning_rate=0.01, momentum=0.9):
    velocity = state or start(state, weights)
    for name in weights:
        velocity[name] = momentum * velocity[name] - learning_rate * gradients[name]
        weights[name] = weights[name] + velocity[name]


def nesterov(weights, gradients, state, learning_rate=0.01, momentum=0.9):
    """Equation 7 of arXiv:1212.0901: the weights take the step with the velocity before the update."""
    velocity = state or start(state, weights)
    for name in weights:
        step = learning_rate * gradients[name]
        weights[name] = weights[name] + momentum**2 * velocity[name] - (1 + momentum) * step
        velocity[name] = momentum * velocity[name] - step


def adagrad(weights, gradients, state, learning_rate=0.01, epsilon=1e-7):
    h = state or start(state, weights)
    for name in weights:
        h[name] = h[name] + gradients[name] ** 2
        weights[name] = weights[name] - learning_rate * gradients[name] / (np.sqrt(h[name]) + epsilon)


def rmsprop(weights, gradients, state, learning_rate=0.01, decay_rate=0.99, epsilon=1e-7):
    h = state or start(state, weights)
    for name in weights:
        h[name] = decay_rate * h[name] + (1 - decay_rate) * gradients[name] ** 2
        weights[name] = weights[name] - learning_rate * gradients[name] / (np.sqrt(h[name]) + epsilon)


def adam(weights, gradients, state, learning_rate=0.001, beta1=0.9, beta2=0.999, epsilon=1e-7):
    if not state:
        state.update(m=start({}, weights), v=start({}, weights), t=0)
    state["t"] += 1
    rate = learning_rate * np.sqrt(1 - beta2 ** state["t"]) / (1 - beta1 ** state["t"])
    m, v = state["m"], state["v"]
    for name in weights:
        m[name] = beta1 * m[name] + (1 - beta1) * gradients[name]
        v[name] = beta2 * v[name] + (1 - beta2) * gradients[name] ** 2
        weights[name] = weights[name] - rate * m[name] / (np.sqrt(v[name]) + epsilon)


def start(state, weights):
    state.update({name: np.zeros(np.shape(value)) for name, value in weights.items()})
    return state


RULES = {
    "sgd": sgd,
    "momentum": momentum,
    "nesterov": nesterov,
    "adagrad": adagrad,
    "rmsprop": rmsprop,
    "adam": adam,
}

# --- The network: a loop over layers -------------------------------------------------------------------------


def initial_parameters(draws, initializer, **settings):
    """Return "W1", "b1", ... from one standard-normal draw of shape (inputs, outputs) a layer."""
    parameters = {}
    for number, draw in enumerate(draws, start=1):
        parameters[f"W{number}"] = INITIALIZERS[initializer](draw, **settings)
        parameters[f"b{number}"] = np.zeros(draw.shape[1])
    return parameters


def forward(parameters, x, activation):
    """Return the inputs of every affine layer and its pre-activations, the last of which are the logits."""
    function, _ = ACTIVATIONS[activation]
    inputs, pre_activations = [], []
    for number in range(1, depth(parameters) + 1):
        inputs.append(x)
        pre_activations.append(affine(x, parameters[f"W{number}"], parameters[f"b{number}"]))
        x = function(pre_activations[-1])
    return inputs, pre_activations


def loss(parameters, x, labels, activation, penalty=None):
    """Return the mean cross-entropy plus the penalties; ``penalty`` is (kind, strength)."""
    _, pre_activations = forward(parameters, x, activation)
    total = cross_entropy(pre_activations[-1], labels)
    if penalty:
        kind, strength = penalty
        for number in range(1, depth(parameters) + 1):
            total += PENALTIES[kind][0](parameters[f"W{number}"], strength)
    return total


def gradients(parameters, x, labels, activation, penalty=None):
    """Return the gradient of :func:`loss` with respect to every parameter."""
    inputs, pre_activations = forward(parameters, x, activation)
    _, slope = ACTIVATIONS[activation]
    result = {}
    upstream = cross_entropy_slope(pre_activations[-1], labels)
    for number in range(depth(parameters), 0, -1):
        weights = parameters[f"W{number}"]
        below, result[f"W{number}"], result[f"b{number}"] = affine_slopes(upstream, inputs[number - 1], weights)
        if penalty:
            kind, strength = penalty
            result[f"W{number}"] = result[f"W{number}"] + PENALTIES[kind][1](weights, strength)
        if number > 1:
            upstream = below * slope(pre_activations[number - 2])
    return result


def train(parameters, batches, activation, rule, settings, penalty=None):
    """Update ``parameters`` once a batch; yield the loss before each update and a copy after it."""
    state = {}
    for x, labels in batches:
        before = loss(parameters, x, labels, activation, penalty)
        slopes = gradients(parameters, x, labels, activation, penalty)
        RULES[rule](parameters, slopes, state, **settings)
        yield before, dict(parameters)


def depth(parameters):
    return len(parameters) // 2
