"""The only place, with pages/, that knows Streamlit."""
