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
    if (facts.crop) node.append(line(`Crop: ${facts.crop}`));
    if (facts.stage) node.append(line(`Stage seen: ${facts.stage}`));
    node.append(line(`Line: ${facts.movement}`));
    if (facts.limit) node.append(line(`Limit: ${facts.limit}`));
    return node;
  };
  const under = Boolean(place.dataset.tiles && window.pmtiles);
  const tone = (feature) => colours[feature.properties[`${by}_tone`]] || "#ddd3bb";
  const style = (feature) => (under ? {
    // Over a picture the fields must be seen through: their colour is in the outline.
    color: tone(feature), weight: 4, fillColor: tone(feature), fillOpacity: 0.15,
    dashArray: feature.properties.kind === "pasture" ? "8 6" : null,
  } : {
    color: feature.properties.kind === "pasture" ? "#7a4b26" : "#1d2119",
    weight: feature.properties.kind === "pasture" ? 2 : 1,
    dashArray: feature.properties.kind === "pasture" ? "6 4" : null,
    fillColor: tone(feature),
    fillOpacity: feature.properties.kind === "pasture" ? 0.35 : 0.85,
  });

  // A tile is drawn on a canvas: no picture without words, and no address made of its bytes.
  const paint = async (archive, canvas, coords, done) => {
    try {
      const tile = await archive.getZxy(coords.z, coords.x, coords.y);
      if (tile) {
        const picture = await createImageBitmap(new Blob([tile.data]));
        [canvas.width, canvas.height] = [picture.width, picture.height];
        canvas.getContext("2d").drawImage(picture, 0, 0);
      }
      done(null, canvas);
    } catch (error) {
      done(error, canvas);
    }
  };
  const lay = async () => {
    const archive = new pmtiles.PMTiles(place.dataset.tiles);
    const header = await archive.getHeader();
    const layer = L.gridLayer({ minNativeZoom: header.minZoom, maxNativeZoom: header.maxZoom,
      bounds: [[header.minLat, header.minLon], [header.maxLat, header.maxLon]] });
    layer.createTile = (coords, done) => {
      const canvas = document.createElement("canvas");
      canvas.className = "seen";
      paint(archive, canvas, coords, done);
      return canvas;
    };
    layer.on("loading", () => { delete place.dataset.seen; });
    layer.on("load", () => { place.dataset.seen = "all"; });
    layer.addTo(map);
  };
  if (under) {
    lay().catch((error) => {
      place.after(line(`The picture from space cannot be drawn: ${error.message}.`, "p"));
    });
  }

  fetch(place.dataset.source, { credentials: "same-origin" })
    .then((answer) => {
      if (!answer.ok) throw new Error(`the plots could not be read (${answer.status})`);
      return answer.json();
    })
    .then((shapes) => {
      // Pastures first, so that a plot beside one can still be pointed at.
      shapes.features.sort((a, b) => (a.properties.kind > b.properties.kind ? 1 : -1));
      if (under) { // a light line below, so that green is seen on green
        L.geoJSON(shapes, { smoothFactor: 0, interactive: false,
          style: { color: "#ffffff", weight: 8, fill: false } }).addTo(map);
      }
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
