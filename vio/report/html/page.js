// SPDX-License-Identifier: Apache-2.0
// Draws the figures when they come into view, and works the controls. Data are in #data.
"use strict";
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const all = (selector, root = document) => [...root.querySelectorAll(selector)];
  const config = {
    responsive: true,
    displaylogo: false,
    modeBarButtonsToRemove: ["lasso2d", "select2d"],
    showSendToCloud: false, // plotly's button that uploads a figure
    plotlyServerURL: "",
  };
  const drawn = new Map(); // id of a figure: promise of its element

  function draw(element) {
    if (!drawn.has(element.id)) {
      const figure = data.figures[element.id];
      const done = Plotly.newPlot(element, figure.data, figure.layout, config);
      done.then(() => {
        element.dataset.drawn = "1";
        element.dispatchEvent(new Event("drawn"));
      }, (error) => {
        element.textContent = "This figure cannot be drawn: " + error;
        element.classList.add("failed");
      });
      drawn.set(element.id, done);
    }
    return drawn.get(element.id);
  }

  const watch = new IntersectionObserver((entries) => {
    for (const entry of entries) if (entry.isIntersecting) draw(entry.target);
  }, { rootMargin: "300px" });
  all(".plot").forEach((element) => watch.observe(element));

  // Views of a figure in space.
  for (const button of all("button[data-camera]")) {
    button.addEventListener("click", async () => {
      const element = document.getElementById(button.dataset.figure);
      await draw(element);
      await Plotly.relayout(element, { "scene.camera": JSON.parse(button.dataset.camera) });
      element.dataset.view = button.textContent;
    });
  }

  // Parts of which one is shown at a time.
  for (const select of all("select[data-tabs]")) {
    const show = () => all(`.tab[data-of="${select.dataset.tabs}"]`).forEach((tab, i) => {
      tab.hidden = i !== select.selectedIndex;
    });
    select.addEventListener("change", show);
    show();
  }

  const NS = "http://www.w3.org/2000/svg";
  function make(name, attributes, parent) {
    const element = document.createElementNS(NS, name);
    for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
    parent.appendChild(element);
  }

  function stepper(root) {
    const record = data.features[root.dataset.key];
    const find = (selector) => root.querySelector(selector);
    const [image, svg, slide, caption] = ["img", "svg", ".slide", ".caption"].map(find);
    const absent = find(".absent");
    let shown = 0, timer = 0;

    image.addEventListener("error", () => { absent.hidden = false; });
    image.addEventListener("load", () => { absent.hidden = true; });

    function show(k) {
      shown = (k + record.frames.length) % record.frames.length;
      const frame = record.frames[shown];
      slide.value = shown;
      root.dataset.shown = shown;
      if (frame.src) image.src = frame.src;
      else { image.removeAttribute("src"); absent.hidden = false; }
      svg.replaceChildren();
      const paths = find(".trails").checked, mono = find(".mono").checked;
      let stereo = 0;
      frame.stereo.forEach((has, i) => {
        stereo += has;
        if (!has && !mono) return;
        const color = has ? "#00d084" : "#ffb000";
        const [u, v] = [frame.uv[2 * i], frame.uv[2 * i + 1]];
        if (paths && frame.trails[i].length) {
          const points = [...frame.trails[i], u, v].join(" ");
          make("polyline", { points, fill: "none", stroke: color, "stroke-width": 1.6 }, svg);
        }
        make("circle", { cx: u, cy: v, r: 3.4, fill: "none", stroke: color, "stroke-width": 1.6 }, svg);
      });
      caption.textContent = `${shown + 1} of ${record.frames.length}: frame ${frame.index}, ` +
        `${frame.t.toFixed(2)} s, ${frame.status}${frame.key ? ", keyframe" : ""}; ` +
        `${frame.stereo.length} tracks, ${stereo} with stereo`;
      const line = document.getElementById(root.dataset.timeline || "");
      if (line && line.dataset.drawn) {
        Plotly.relayout(line, { shapes: [{ type: "line", x0: frame.t, x1: frame.t, yref: "paper",
          y0: 0, y1: 1, line: { color: "#888888", width: 1, dash: "dot" } }] });
      }
    }

    function play() {
      if (timer) { clearInterval(timer); timer = 0; } else timer = setInterval(() => show(shown + 1), 400);
      find(".play").textContent = timer ? "stop" : "play";
    }

    find(".prev").addEventListener("click", () => show(shown - 1));
    find(".next").addEventListener("click", () => show(shown + 1));
    find(".play").addEventListener("click", play);
    slide.addEventListener("input", () => show(Number(slide.value)));
    for (const box of all("input[type=checkbox]", root)) box.addEventListener("change", () => show(shown));
    root.tabIndex = 0;
    root.addEventListener("keydown", (event) => {
      if (event.target === slide) return;
      if (event.key === "ArrowLeft") show(shown - 1);
      if (event.key === "ArrowRight") show(shown + 1);
    });
    const line = document.getElementById(root.dataset.timeline || "");
    if (line) {
      line.addEventListener("drawn", () => line.on("plotly_click", (event) => {
        const distance = record.frames.map((frame) => Math.abs(frame.t - event.points[0].x));
        show(distance.indexOf(Math.min(...distance)));
      }));
    }
    show(0);
  }

  all(".stepper").forEach(stepper);
  document.documentElement.dataset.ready = "1";
})();
