"use strict";
{
  const data = JSON.parse(document.getElementById("data").textContent);
  const storageKey = "augsearch-reader:" + data.page;
  const origins = [{ name: "real", key: "r" }, { name: "synthetic", key: "s" }];
  const element = (id) => document.getElementById(id);
  const all = (selector) => [...document.querySelectorAll(selector)];

  // {reader: who is answering, answers: {reader: {image: {class, origin}}}}
  let state = { reader: null, answers: {} };
  let index = 0;

  function keep() {
    try {
      localStorage.setItem(storageKey, JSON.stringify(state));
    } catch {
      all(".storage").forEach((one) => { one.hidden = false; });
    }
  }

  function recall() {
    try {
      const kept = JSON.parse(localStorage.getItem(storageKey));
      if (kept && typeof kept.answers === "object") state = kept;
    } catch { /* nothing was kept, or it cannot be read: begin anew */ }
    state.answers = Object.assign(Object.create(null), state.answers);
    keep();
  }

  const own = () => state.answers[state.reader];
  const answerTo = (image) => own()[image.id] ?? {};
  const complete = (image) => "class" in answerTo(image) && "origin" in answerTo(image);
  const countComplete = () => data.images.filter(complete).length;

  function show(name) {
    for (const one of ["start", "question", "end"]) element(one).hidden = one !== name;
    for (const one of all(".name")) one.textContent = state.reader ?? "";
  }

  function focusHeading(name) {
    element(name).querySelector("h1").focus();
  }

  function showStart() {
    state.reader = null;
    keep();
    show("start");
    const known = Object.keys(state.answers);
    element("known").hidden = known.length === 0;
    element("known").textContent = "Begun on this computer: " + known.join(", ") +
      ". The same name goes on where it was.";
    element("reader").focus();
  }

  function resume() {
    const open = data.images.findIndex((image) => !complete(image));
    if (open < 0) return showEnd();
    goTo(open);
    focusHeading("question");
  }

  function showEnd() {
    element("saved").textContent = "";
    show("end");
    focusHeading("end");
  }

  function goTo(place) {
    index = place;
    show("question");
    element("image").src = data.images[index].src;
    element("last").textContent = "";
    draw();
  }

  function draw() {
    const image = data.images[index];
    const total = data.images.length;
    const answered = countComplete();
    element("place").textContent = `Image ${index + 1} of ${total}`;
    element("image").alt = `Image ${index + 1}, to be judged`;
    element("progress").value = answered;
    element("answered").textContent = `${answered} answered`;
    for (const button of all(".choices button")) {
      const chosen = answerTo(image)[button.dataset.task] === button.dataset.value;
      button.setAttribute("aria-pressed", String(chosen));
    }
    element("back").disabled = index === 0;
    element("next").disabled = !complete(image);
  }

  function answer(task, value) {
    const image = data.images[index];
    const wasComplete = complete(image);
    own()[image.id] = { ...answerTo(image), [task]: value };
    keep();
    if (wasComplete || !complete(image)) return draw();
    const said = own()[image.id];
    const number = index + 1;
    next();
    element("last").textContent = `Image ${number}: ${said.class}, ${said.origin}. Back to change it.`;
  }

  function next() {
    if (!complete(data.images[index])) return;
    if (index + 1 < data.images.length) goTo(index + 1);
    else if (countComplete() === data.images.length) showEnd();
    else resume();
  }

  function back() {
    if (!element("end").hidden) goTo(data.images.length - 1);
    else if (index > 0) goTo(index - 1);
  }

  function save() {
    const answers = {};
    for (const image of data.images) if (image.id in own()) answers[image.id] = own()[image.id];
    const file = { format: "augsearch reader answers", version: 1, page: data.page, reader: state.reader, answers };
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([JSON.stringify(file, null, 1) + "\n"], { type: "application/json" }));
    link.download = `answers-${state.reader.replace(/[^\p{L}\p{N}._-]+/gu, "-")}.json`;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 60000);
    element("saved").textContent = `Saved as ${link.download} in this browser's downloads.`;
    element("last").textContent = element("saved").textContent;
  }

  function addChoices(place, task, choices) {
    place.classList.toggle("many", choices.length > 6);
    for (const { name, key } of choices) {
      const button = document.createElement("button");
      button.type = "button";
      button.dataset.task = task;
      button.dataset.value = name;
      const label = document.createElement("span");
      label.textContent = name;
      button.append(label);
      if (key) {
        const hint = document.createElement("kbd");
        hint.textContent = key.toUpperCase();
        hint.setAttribute("aria-hidden", "true");
        button.setAttribute("aria-keyshortcuts", key);
        button.append(hint);
      }
      button.addEventListener("click", () => answer(task, name));
      place.append(button);
    }
  }

  function pressed(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || event.repeat) return;
    const onQuestion = !element("question").hidden;
    if (event.key === "ArrowLeft" && (onQuestion || !element("end").hidden)) return back();
    if (!onQuestion) return;
    if (event.key === "ArrowRight") return next();
    const key = event.key.toLowerCase();
    const chosen = all(".choices button").find((one) => one.getAttribute("aria-keyshortcuts") === key);
    if (chosen) chosen.click();
  }

  addChoices(element("classes"), "class", data.classes);
  addChoices(element("origins"), "origin", origins);
  element("who").addEventListener("submit", (event) => {
    event.preventDefault();
    state.reader = element("reader").value.trim();
    state.answers[state.reader] ??= {};
    element("reader").value = "";
    keep();
    resume();
  });
  element("back").addEventListener("click", back);
  element("next").addEventListener("click", next);
  element("again").addEventListener("click", back);
  for (const one of all(".save")) one.addEventListener("click", save);
  for (const one of all(".change")) one.addEventListener("click", showStart);
  document.addEventListener("keydown", pressed);

  recall();
  if (state.reader !== null && own()) resume();
  else showStart();
}
