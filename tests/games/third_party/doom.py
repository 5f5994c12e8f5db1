"""ViZDoom's take cover as its own package has it: a step is four tics, and each tic survived pays 1."""

import dreamgym

TAKE_COVER = dreamgym.register_task(
    dreamgym.Task(
        name="vizdoom_take_cover",
        env_id="vizdoom.gymnasium_wrapper:VizdoomTakeCover-v1",  # Gymnasium imports what is before the colon
        env_kwargs={"frame_skip": 4},
        frame_key="screen",
        horizon=525,  # the paper's 2,100 tics
    )
)
