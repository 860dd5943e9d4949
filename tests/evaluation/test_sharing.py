"""Videos are shared out whole and evenly."""

from hypothesis import given
from hypothesis import strategies as st

from videobench.evaluation.sharing import share_out


@given(st.dictionaries(st.text(max_size=3), st.integers(1, 100), max_size=30), st.integers(1, 5))
def test_every_video_is_in_one_share(num_views: dict[str, int], num_shares: int) -> None:
    """Nothing is left out or done twice, videos keep their order, and no share exceeds another by more than a video."""
    shares = share_out(num_views, num_shares)
    assert len(shares) == num_shares
    assert sorted(video for share in shares for video in share) == sorted(num_views)
    place = list(num_views).index
    assert all(share == sorted(share, key=place) for share in shares)
    loads = [sum(num_views[video] for video in share) for share in shares]
    assert max(loads) - min(loads) <= max(num_views.values(), default=0)


def test_the_longest_come_first() -> None:
    """One long video beside many short ones does not end up on top of a full share."""
    assert share_out({"a": 1, "b": 1, "long": 4, "c": 1, "d": 1}, 2) == [["long"], ["a", "b", "c", "d"]]
