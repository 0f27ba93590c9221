for (const [name, moves] of Object.entries(MOVES)) {
  const slider = document.getElementById(name);
  const targets = moves.map(([id, attribute, values]) => [document.getElementById(id), attribute, values]);
  const show = () => {
    for (const [element, attribute, values] of targets) {
      const value = values[Number(slider.value)];
      if (attribute) element.setAttribute(attribute, value);
      else element.textContent = value;
    }
  };
  let timer;
  slider.addEventListener("input", () => { clearInterval(timer); show(); });
  const play = document.getElementById(name + "-play");
  if (play) play.addEventListener("click", () => {
    clearInterval(timer);
    slider.value = slider.min;
    show();
    timer = setInterval(() => {
      slider.stepUp();
      show();
      if (slider.value === slider.max) clearInterval(timer);
    }, 900);
  });
  show();
  document.getElementById(name + "-box").hidden = false;
}
