// Computes a program of latentlab.portable: the decoder of a model, one picture at a time. Every
// value is height x width x channels in one array of doubles, made once. Most of the time goes into
// `weigh`: what an output place sees is gathered into a row, and rows times weights is a product of
// matrices, in blocks of four places by two channels whose sums fit the processor's registers.
const portableDecoder = (() => {
function portableDecoder(program) {
  const weights = halves(program.weights);
  const input = new Float64Array(program.inputs);
  let shared = new Float64Array(0);  // one for all operations, as large as the largest needs
  const scratch = (length) => {
    if (length > shared.length) shared = new Float64Array(length);
    return () => shared;
  };
  const values = [{ shape: [1, 1, program.inputs], data: input }];
  const steps = program.ops.map((op) => {
    const value = { shape: op.shape, data: new Float64Array(op.shape[0] * op.shape[1] * op.shape[2]) };
    const step = KINDS[op.kind](op, op.sources.map((source) => values[source]), value, weights, scratch);
    values.push(value);
    return step;
  });
  const last = values[values.length - 1];
  const [height, width, channels] = last.shape;
  return {
    height, width, channels,
    // The picture of a code in [0, 1], height x width x channels; the array is used again.
    decode(code) {
      input.set(code);
      for (const step of steps) step();
      return last.data;
    },
  };

  // Base64 of little-endian 16-bit floating-point numbers.
  function halves(text) {
    const bytes = atob(text), made = new Float64Array(bytes.length / 2);
    for (let i = 0; i < made.length; i++) {
      const bits = bytes.charCodeAt(2 * i) | (bytes.charCodeAt(2 * i + 1) << 8);
      const exponent = (bits >> 10) & 31, fraction = bits & 1023;
      const size = exponent ? (1 + fraction / 1024) * 2 ** (exponent - 15) : fraction * 2 ** -24;
      made[i] = bits & 32768 ? -size : size;
    }
    return made;
  }
}

const KINDS = {
  weigh(op, [from], to, weights, scratch) {
    const phases = op.phases.map((phase) => phaseOf(op, phase, from, to, weights, scratch));
    return () => { for (const phase of phases) phase(); };
  },

  scale(op, [from], to, weights) {
    const channels = op.shape[2], x = from.data, y = to.data;
    return () => {
      for (let i = 0; i < y.length; i += channels)
        for (let c = 0; c < channels; c++)
          y[i + c] = x[i + c] * weights[op.weights_at + c] + weights[op.bias_at + c];
    };
  },

  normalize(op, [from], to, weights) {
    const channels = op.shape[2], wide = channels / op.groups, x = from.data, y = to.data;
    const count = x.length / op.groups;
    return () => {
      for (let first = 0; first < channels; first += wide) {
        let sum = 0, squares = 0;
        for (let i = first; i < x.length; i += channels) for (let c = 0; c < wide; c++) sum += x[i + c];
        const mean = sum / count;
        for (let i = first; i < x.length; i += channels)
          for (let c = 0; c < wide; c++) squares += (x[i + c] - mean) ** 2;
        const factor = 1 / Math.sqrt(squares / count + op.eps);
        for (let c = first; c < first + wide; c++) {
          const scale = factor * weights[op.weights_at + c];
          const shift = weights[op.bias_at + c] - mean * scale;
          for (let i = c; i < x.length; i += channels) y[i] = x[i] * scale + shift;
        }
      }
    };
  },

  apply(op, [from], to) {
    const f = FUNCTIONS[op.function](op), x = from.data, y = to.data;
    return () => { for (let i = 0; i < y.length; i++) y[i] = f(x[i]); };
  },

  add(op, [a, b], to) {
    const y = to.data, at = spread(a, b);
    return () => { for (let i = 0; i < y.length; i++) y[i] = a.data[i] + b.data[at[i]]; };
  },

  multiply(op, [a, b], to) {
    const y = to.data, at = spread(a, b);
    return () => { for (let i = 0; i < y.length; i++) y[i] = a.data[i] * b.data[at[i]]; };
  },

  reshape(op, [from], to) {
    const before = channelsFirst(from.shape), after = channelsFirst(to.shape);
    return () => { for (let i = 0; i < after.length; i++) to.data[after[i]] = from.data[before[i]]; };
  },

  enlarge(op, [from], to) {
    const [height, width, channels] = to.shape, [, narrow] = from.shape, x = from.data, y = to.data;
    const rows = neighbours(from.shape[0], height, op), columns = neighbours(narrow, width, op);
    return () => {
      for (let i = 0, place = 0; i < height; i++) {
        const { low: top, high: bottom, share: down } = rows[i];
        for (let j = 0; j < width; j++, place += channels) {
          const { low: left, high: right, share: across } = columns[j];
          for (let c = 0; c < channels; c++) {
            const above = mixed(x[(top * narrow + left) * channels + c], x[(top * narrow + right) * channels + c], across);
            y[place + c] = down ? mixed(above, mixed(x[(bottom * narrow + left) * channels + c], x[(bottom * narrow + right) * channels + c], across), down) : above;
          }
        }
      }
    };
  },

  pick(op, [from], to) {
    const own = op.shape[2], all = from.shape[2], places = op.shape[0] * op.shape[1];
    return () => {
      for (let p = 0; p < places; p++)
        for (let c = 0; c < own; c++) to.data[p * own + c] = from.data[p * all + op.first + c];
    };
  },

  join(op, parts, to) {
    const all = op.shape[2], places = op.shape[0] * op.shape[1];
    return () => {
      let first = 0;
      for (const part of parts) {
        const own = part.shape[2];
        for (let p = 0; p < places; p++)
          for (let c = 0; c < own; c++) to.data[p * all + first + c] = part.data[p * own + c];
        first += own;
      }
    };
  },

  mixture(op, [from], to) {
    const channels = op.shape[2], all = from.shape[2], places = op.shape[0] * op.shape[1];
    return () => {
      for (let p = 0; p < places; p++) mixtureMean(from.data, p * all, to.data, p * channels, channels, op);
    };
  },
};

// A phase: the output places that all see the same taps. Every second row and column is one where a
// transposed convolution has a stride of two; the whole output is one otherwise.
function phaseOf(op, phase, from, to, weights, scratch) {
  const [high, wide, depth] = from.shape, [height, width, channels] = to.shape;
  const [top, left] = phase.at, [down, right] = op.stride, [stepDown, stepRight] = op.step;
  const rows = Math.ceil((height - top) / stepDown), columns = Math.ceil((width - left) / stepRight);
  const taps = phase.taps.length, length = taps * depth, x = from.data, y = to.data;
  const tapRows = Int32Array.from(phase.taps, (tap) => tap[0]), tapColumns = Int32Array.from(phase.taps, (tap) => tap[1]);
  const own = weights.subarray(phase.weights_at, phase.weights_at + channels * length);
  const bias = new Float64Array(channels);
  if (op.bias_at !== null) bias.set(weights.subarray(op.bias_at, op.bias_at + channels));
  if (high === 1 && wide === 1 && length === depth) return dense;

  // Some rows at a time, so that what they see stays in the processor's cache.
  const band = Math.max(1, Math.floor(64 / columns));
  const seen = scratch((band * columns + 3) * length);
  const places = Int32Array.from({ length: rows * columns }, (_, p) =>
    ((top + Math.floor(p / columns) * stepDown) * width + left + (p % columns) * stepRight) * channels);
  return () => {
    for (let row = 0; row < rows; row += band) {
      const until = Math.min(row + band, rows);
      gather(row, until, seen());
      product(row * columns, until * columns, seen());
    }
  };

  // One code through a dense layer: there is nothing to gather.
  function dense() {
    for (let c = 0; c < channels; c++) {
      const w = c * length;
      let sum = bias[c];
      for (let k = 0; k < length; k++) sum += own[w + k] * x[k];
      y[c] = sum;
    }
  }

  function gather(row, until, seen) {
    let at = 0;
    for (let i = row; i < until; i++) {
      for (let j = 0; j < columns; j++) {
        for (let t = 0; t < taps; t++, at += depth) {
          const r = i * down + tapRows[t], c = j * right + tapColumns[t];
          if (r >= 0 && r < high && c >= 0 && c < wide) {
            const begin = (r * wide + c) * depth;
            for (let k = 0; k < depth; k++) seen[at + k] = x[begin + k];
          } else for (let k = 0; k < depth; k++) seen[at + k] = 0;
        }
      }
    }
  }

  function product(first, end, seen) {
    for (let p = first; p < end; p += 4) {
      const p0 = (p - first) * length, p1 = p0 + length, p2 = p1 + length, p3 = p2 + length;
      const many = Math.min(4, end - p);
      for (let c = 0; c < channels; c += 2) {
        const pair = c + 1 < channels, w0 = c * length, w1 = pair ? w0 + length : w0;
        let a0 = 0, a1 = 0, a2 = 0, a3 = 0, b0 = 0, b1 = 0, b2 = 0, b3 = 0;
        for (let k = 0; k < length; k++) {
          const u = own[w0 + k], v = own[w1 + k];
          const s0 = seen[p0 + k], s1 = seen[p1 + k], s2 = seen[p2 + k], s3 = seen[p3 + k];
          a0 += u * s0; a1 += u * s1; a2 += u * s2; a3 += u * s3;
          b0 += v * s0; b1 += v * s1; b2 += v * s2; b3 += v * s3;
        }
        put(p, many, c, a0, a1, a2, a3);
        if (pair) put(p, many, c + 1, b0, b1, b2, b3);
      }
    }
  }

  function put(p, many, c, s0, s1, s2, s3) {
    const shift = bias[c];
    y[places[p] + c] = s0 + shift;
    if (many > 1) y[places[p + 1] + c] = s1 + shift;
    if (many > 2) y[places[p + 2] + c] = s2 + shift;
    if (many > 3) y[places[p + 3] + c] = s3 + shift;
  }
}

const FUNCTIONS = {
  relu: () => (x) => (x > 0 ? x : 0),
  leaky_relu: ({ slope }) => (x) => (x > 0 ? x : slope * x),
  elu: ({ alpha }) => (x) => (x > 0 ? x : alpha * Math.expm1(x)),
  silu: () => (x) => x / (1 + Math.exp(-x)),
  gelu: () => (x) => 0.5 * x * (1 + erf(x / Math.SQRT2)),
  softplus: () => softplus,
  sigmoid: () => sigmoid,
  tanh: () => Math.tanh,
  exp: () => Math.exp,
  affine: ({ scale, shift }) => (x) => scale * x + shift,
  clamp: ({ low, high }) => (x) => Math.min(Math.max(x, low), high),
  continuous_bernoulli: () => (x) => {
    if (Math.abs(x) < 0.5) return 0.5 + x / 12 - x ** 3 / 720 + x ** 5 / 30240;
    return Math.min(Math.max(0.5 + 0.5 / Math.tanh(x / 2) - 1 / x, 0), 1);
  },
};

function sigmoid(x) { return 1 / (1 + Math.exp(-x)); }
function softplus(x) { return Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x))); }
function mixed(a, b, share) { return share ? a * (1 - share) + b * share : a; }

// Abramowitz and Stegun 7.1.26, wrong by less than 2e-7.
function erf(x) {
  const t = 1 / (1 + 0.3275911 * Math.abs(x));
  const sum = ((((1.061405429 * t - 1.453152027) * t + 1.421413741) * t - 0.284496736) * t + 0.254829592) * t;
  const made = 1 - sum * Math.exp(-x * x);
  return x < 0 ? -made : made;
}

// Where a second operand with one channel, or one place, is read for each number of the first.
function spread(a, b) {
  const [height, width, channels] = a.shape, [rows, columns, deep] = b.shape;
  const at = new Int32Array(a.data.length);
  for (let i = 0, n = 0; i < height; i++)
    for (let j = 0; j < width; j++)
      for (let c = 0; c < channels; c++)
        at[n++] = ((rows > 1 ? i : 0) * columns + (columns > 1 ? j : 0)) * deep + (deep > 1 ? c : 0);
  return at;
}

// The places of a value in the order of channel, row, column, which is PyTorch's.
function channelsFirst([height, width, channels]) {
  const at = new Int32Array(height * width * channels);
  for (let c = 0, n = 0; c < channels; c++)
    for (let p = 0; p < height * width; p++) at[n++] = p * channels + c;
  return at;
}

function neighbours(before, after, { mode, corners }) {
  return Array.from({ length: after }, (_, place) => {
    if (mode === "nearest") {
      const low = Math.floor((place * before) / after);
      return { low, high: low, share: 0 };
    }
    const exact = corners ? (place * (before - 1)) / Math.max(after - 1, 1) : Math.max(((place + 0.5) * before) / after - 0.5, 0);
    const low = Math.floor(exact);
    return { low, high: Math.min(low + 1, before - 1), share: exact - low };
  });
}

// The expectation of a mixture of logistic distributions that are cut into levels, as
// latentlab.portable.functions.mixture_mean has it.
function mixtureMean(x, from, y, to, channels, { components, levels }) {
  const step = 2 / (levels - 1), many = channels * components;
  const scales = from + components + many, mixing = scales + many;
  let most = -Infinity, total = 0;
  for (let k = 0; k < components; k++) most = Math.max(most, x[from + k]);
  for (let k = 0; k < components; k++) total += Math.exp(x[from + k] - most);
  for (let c = 0; c < channels; c++) y[to + c] = 0;
  const known = [];
  for (let k = 0; k < components; k++) {
    const weight = Math.exp(x[from + k] - most) / total;
    for (let c = 0; c < channels; c++) {
      let centre = x[from + components + c * components + k];
      for (let before = 0; before < c; before++)
        centre += Math.tanh(x[mixing + ((c * (c - 1)) / 2 + before) * components + k]) * known[before];
      const scale = Math.min(softplus(x[scales + c * components + k] + 7) - 7, 5);
      known[c] = expectedLevel((centre + 1) / step, Math.exp(scale) / step, levels) * step - 1;
      y[to + c] += (weight * (known[c] + 1)) / 2;
    }
  }
  for (let c = 0; c < channels; c++) y[to + c] = Math.min(Math.max(y[to + c], 0), 1);
}

function expectedLevel(mu, scale, levels) {
  const last = levels - 1, reach = 6, sharp = 0.65;
  if (scale >= sharp) {
    const low = mu / scale, high = (mu - last) / scale;
    const slope = (x) => sigmoid(x) * sigmoid(-x);
    return scale * (softplus(low) - softplus(high)) + (slope(high) - slope(low)) / (24 * scale);
  }
  const nearest = Math.floor(Math.min(Math.max(mu, -1), levels));
  let total = Math.min(Math.max(nearest - reach, 0), last);
  for (let edge = Math.max(nearest - reach, 0); edge <= nearest + reach && edge < last; edge++)
    total += sigmoid((mu - edge - 0.5) / scale);
  return total;
}

return portableDecoder;
})();
