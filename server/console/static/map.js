// Draws the plots on a canvas. The table under the map holds the same and needs none of this.
(() => {
  "use strict";
  const place = document.getElementById("map");
  if (!place || !window.L) return;
  const by = place.dataset.by;
  // The legend's own colours, so that the stylesheet stays the one source of them.
  const colours = {};
  for (const key of document.querySelectorAll("#legend [data-tone]")) {
    colours[key.dataset.tone] = getComputedStyle(key).fill;
  }
  const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
  const map = L.map(place, {
    preferCanvas: true,
    attributionControl: false,
    zoomAnimation: !calm,
    fadeAnimation: !calm,
  });
  L.control.scale({ imperial: false }).addTo(map);

  const line = (words, tag = "div") => {
    const node = document.createElement(tag);
    node.textContent = words;
    return node;
  };
  const popup = (facts) => {
    const node = document.createElement("div");
    const link = document.createElement("a");
    link.href = facts.url;
    link.textContent = facts.name;
    node.append(link, line(facts.owner));
    if (facts.stage) node.append(line(`Stage seen: ${facts.stage}`));
    node.append(line(`Line: ${facts.movement}`));
    return node;
  };
  const style = (feature) => ({
    color: feature.properties.kind === "pasture" ? "#7a4b26" : "#1d2119",
    weight: feature.properties.kind === "pasture" ? 2 : 1,
    dashArray: feature.properties.kind === "pasture" ? "6 4" : null,
    fillColor: colours[feature.properties[`${by}_tone`]] || "#ddd3bb",
    fillOpacity: feature.properties.kind === "pasture" ? 0.35 : 0.85,
  });

  fetch(place.dataset.source, { credentials: "same-origin" })
    .then((answer) => {
      if (!answer.ok) throw new Error(`the plots could not be read (${answer.status})`);
      return answer.json();
    })
    .then((shapes) => {
      // Pastures first, so that a plot beside one can still be pointed at.
      shapes.features.sort((a, b) => (a.properties.kind > b.properties.kind ? 1 : -1));
      const layer = L.geoJSON(shapes, {
        style,
        smoothFactor: 0, // else small plots vanish
        onEachFeature: (feature, shape) => shape.bindPopup(() => popup(feature.properties)),
      }).addTo(map);
      if (shapes.features.length) map.fitBounds(layer.getBounds().pad(0.05));
      place.dataset.drawn = String(shapes.features.length);
    })
    .catch((error) => {
      place.replaceWith(line(`The map cannot be drawn: ${error.message}. The table below holds the same.`, "p"));
    });
})();
