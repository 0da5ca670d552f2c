// Shows what the chosen price model asks for and hides the rest; without this script everything is shown, and the
// service says what does not belong.
(() => {
  const term = ["months", "trial_days"];
  const scale = ["tier_mode", "tiers"];
  const asked = {
    free: [],
    one_off: ["amount", ...scale],
    subscription: ["amount", ...term, "is_instalment", "renewal_notice_days", "includes_later_revisions", ...scale],
    metered: ["amount", ...term, "unit", "unit_price", "free_units", "monthly_cap", "at_prepaid_end", ...scale],
  };
  const all = new Set(Object.values(asked).flat());
  document.addEventListener("DOMContentLoaded", () => {
    const model = document.querySelector("select[name=price_model]");
    if (!model) return;
    const show = () => {
      for (const name of all) {
        const input = model.form.elements[name];
        const line = input && input.closest("div.group");
        // What somebody typed, or what was refused, stays in sight.
        const kept = line && line.classList.contains("errors");
        if (line) line.hidden = !kept && !(asked[model.value] || []).includes(name);
      }
    };
    model.addEventListener("change", show);
    show();
  });
})();
