import json

from benchmarks import page

ROW = {
    "title": "a step",
    "against": "theirs",
    "ours_seconds": 0.1,
    "theirs_seconds": 1.2,
    "ratio": 12.0,
    "ratio_low": 9.0,
    "ratio_high": 13.0,
    "ours_peak_mib": 0.0,
    "theirs_peak_mib": 0.0,
    "must": 5,
    "aim": 20,
    "repeats": 5,
}


def test_rows_measured_again_replace_theirs_and_the_others_stay(tmp_path):
    first = [{**ROW, "name": "a"}, {**ROW, "name": "b"}]
    results = page.merge(page.read(tmp_path), first, {"date": "Monday"}, ["a", "b", "c"])
    again = [{**ROW, "name": "c"}, {**ROW, "name": "b", "ratio": 2.0}]
    results = page.merge(results, again, {"date": "Tuesday"}, ["a", "b", "c"])
    page.write(results, tmp_path)
    assert page.read(tmp_path) == results == json.loads((tmp_path / "benchmarks.json").read_text())
    assert [(row["name"], row["ratio"], row["run"]) for row in results["rows"]] == [
        ("a", 12.0, "1"),
        ("b", 2.0, "2"),
        ("c", 12.0, "2"),
    ]
    text = (tmp_path / "benchmarks.md").read_text()
    line = "| a step | theirs | 100.0 ms | 1.20 s | {}, 9.00 to 13.00 | 5.00, 20.00 |  | {} |"
    assert line.format("**12.00**", 1) in text
    assert line.format("**2.00** (below)", 2) in text
    assert "- Run 1: date Monday.\n- Run 2: date Tuesday.\n" in text


def test_a_run_without_rows_is_dropped():
    kept = page.merge({"runs": {}, "rows": []}, [{**ROW, "name": "a"}], {"date": "Monday"}, ["a"])
    results = page.merge(kept, [{**ROW, "name": "a"}], {"date": "Tuesday"}, ["a"])
    assert results["runs"] == {"2": {"date": "Tuesday"}}
