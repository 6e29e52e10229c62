"""How several models embed the same episode, side by side: [MM] figures 3 and 4.

[MM] is Cai et al. (2018), *Memory Matching Networks*. A panel is what `look` gives of one model; Q
queries, S support pictures.
"""

import numpy as np
from matplotlib.figure import Figure
from sklearn.manifold import TSNE
from sklearn.metrics import silhouette_score

from oneshot_tf.figures.palette import INK, class_colours

PERPLEXITY = 30.0
SIZE = 4.6  # inches of a panel


def look(name, support, query, episode, right):
    """One panel: the embeddings that a model compares in an episode.

    Args:
      name: what to call the model.
      support: float [S, E].
      query: float [Q, E].
      episode: {"support_labels" [S], "query_labels" [Q]}.
      right: the share of queries that it answers rightly.

    Returns:
      A dictionary for the functions of this module.
    """
    return {
        "name": name,
        "support": _unit(support),
        "query": _unit(query),
        "support_labels": np.asarray(episode["support_labels"]),
        "query_labels": np.asarray(episode["query_labels"]),
        "right": float(right),
    }


def _unit(rows):
    rows = np.asarray(rows, np.float64)
    return rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12)


def project(query, seed=0):
    """t-SNE of the queries' directions: [Q, E] -> [Q, 2]."""
    perplexity = min(PERPLEXITY, max(1.0, (len(query) - 1) / 3))
    return TSNE(perplexity=perplexity, init="pca", random_state=seed).fit_transform(query)


def draw_map(panels):
    """[MM] figure 3: every query as a point, by t-SNE, coloured by its class.

    Args:
      panels: of `look`.

    Returns:
      A matplotlib `Figure`.
    """
    figure, axes = _make(
        panels, "Queries of one episode as each model sees them (t-SNE of directions)"
    )
    for place, panel in zip(axes, panels, strict=True):
        points, labels = project(panel["query"]), panel["query_labels"]
        for label, colour in class_colours(labels).items():
            own = points[labels == label]
            place.scatter(*own.T, s=9, color=colour, label=f"class {label}", linewidths=0)
        place.set_title(_title(panel, _apart(panel["query"], labels)), fontsize=10)
        place.set_xticks([])
        place.set_yticks([])
    handles, labels = axes[0].get_legend_handles_labels()
    words = {"fontsize": 8, "frameon": False, "markerscale": 2.0}
    figure.legend(handles, labels, loc="outside lower center", ncols=min(5, len(labels)), **words)
    return figure


def _apart(query, labels):
    """How far apart the classes are, in words; none where no class has two queries to compare."""
    if not 1 < len(np.unique(labels)) < len(labels):
        return ""
    return f"silhouette {silhouette_score(query, labels, metric='cosine'):.2f}"


def draw_matrices(panels, queries):
    """[MM] figure 4: cosines of support (rows) and queries (columns), both class by class.

    Args:
      panels: of `look`.
      queries: how many queries of each class to show.

    Returns:
      A matplotlib `Figure`; all panels share one colour scale.
    """
    figure, axes = _make(panels, "Cosine of support (rows) and queries (columns); warmer is nearer")
    matrices = [_sorted_cosines(panel, queries) for panel in panels]
    low, high = min(m.min() for m, _ in matrices), max(m.max() for m, _ in matrices)
    for place, panel, (cosines, of_queries) in zip(axes, panels, matrices, strict=True):
        same = np.sort(panel["support_labels"])[:, None] == of_queries
        image = place.imshow(cosines, vmin=low, vmax=high, cmap="inferno", aspect="auto")
        gap = f"{cosines[same].mean():.2f} within a class, {cosines[~same].mean():.2f} between"
        place.set_title(_title(panel, gap), fontsize=10)
        for labels, line in ((panel["support_labels"], place.axhline), (of_queries, place.axvline)):
            for edge in np.cumsum(np.unique(labels, return_counts=True)[1])[:-1]:
                line(edge - 0.5, color="white", lw=0.8)
        place.set_xlabel("query")
        place.set_ylabel("support picture")
    figure.colorbar(image, ax=axes, label="cosine", fraction=0.03, pad=0.02)
    return figure


def _sorted_cosines(panel, queries):
    """(cosines [S, queries of each class], classes of its columns), class by class."""
    rows, labels = np.argsort(panel["support_labels"], kind="stable"), panel["query_labels"]
    columns = np.concatenate([np.flatnonzero(labels == c)[:queries] for c in np.unique(labels)])
    return panel["support"][rows] @ panel["query"][columns].T, labels[columns]


def _make(panels, title):
    size = (SIZE * len(panels) + 0.6, SIZE + 0.9)
    figure = Figure(figsize=size, dpi=120, facecolor="white", layout="constrained")
    figure.suptitle(title, fontsize=11, color=INK)
    return figure, figure.subplots(1, len(panels), squeeze=False)[0]


def _title(panel, words):
    return f"{panel['name']}: {100 * panel['right']:.1f} % right\n{words}".rstrip()
